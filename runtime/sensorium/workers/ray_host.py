"""A model as an actor of Ray: what runs in the cluster's processes. Imports Ray."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import ray

from sensorium.errors import ModelError
from sensorium.plugins.manager import load_plugins
from sensorium.settings import check_options
from sensorium.workers.pool.devices import resolve_device
from sensorium.workers.pool.faults import describe

REMEMBERED = 4096  # cancelled requests that may still be on their way

MethodT = TypeVar("MethodT", bound=Callable[..., Any])


def _control(method: MethodT) -> MethodT:
    """Answers while the model is at work."""
    controlling: MethodT = ray.method(concurrency_group="control")(method)
    return controlling


class Host:
    """Hosts one model. Errors travel as facts, so that Ray's own are those of its machinery."""

    def __init__(
        self, name: str, use: str, options: dict[str, Any], device: str, plugins: dict[str, Any]
    ) -> None:
        self._name = name
        self._cancelled: dict[int, None] = {}
        self._lock = threading.Lock()
        self._error: dict[str, Any] | None = None
        try:
            kind = load_plugins(**plugins).models.get(use)
            self._model = kind(check_options(kind.Options, options, f"models.{name}.options"))
            self._model.load(resolve_device(device))
            self._model.warm_up()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may raise anything
            self._error = describe(name, error)

    @_control
    def state(self) -> tuple[int, dict[str, Any] | None]:
        """Process id, and the facts of why the model is not up."""
        return os.getpid(), self._error

    @_control
    def cancel(self, request: int) -> None:
        """Nobody waits for that request any more."""
        with self._lock:
            self._cancelled[request] = None
            while len(self._cancelled) > REMEMBERED:
                del self._cancelled[next(iter(self._cancelled))]

    def infer(self, numbers: Sequence[int], requests: Sequence[Any]) -> list[tuple[bool, Any]]:
        """For each request whether it went well, and the result or the facts of an error."""
        wanted = [n for n, number in enumerate(numbers) if number not in self._cancelled]
        results = dict(zip(wanted, self._try([requests[n] for n in wanted]), strict=True))
        gone = (False, describe(self._name, ModelError(self._name, "nobody waits for this")))
        return [results.get(n, gone) for n in range(len(requests))]

    def _try(self, requests: list[Any]) -> list[tuple[bool, Any]]:
        """If a batch fails, one by one, so that only the guilty fail."""
        if not requests:
            return []
        try:
            results = list(self._model.infer(requests))
            if len(results) != len(requests):
                words = f"answered {len(requests)} requests with {len(results)} results"
                raise ModelError(self._name, words)
            return [(True, result) for result in results]
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may raise anything
            if len(requests) == 1:
                return [(False, describe(self._name, error))]
        return [self._try([request])[0] for request in requests]

    def stream(self, number: int, request: Any) -> Iterator[tuple[bool, Any]]:
        """The parts of one answer; Ray holds them back while their reader has no room."""
        try:
            parts = self._model.stream(request)
            try:
                for part in parts:
                    if number in self._cancelled:
                        return
                    yield True, part
            finally:
                close = getattr(parts, "close", None)
                if close is not None:
                    close()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a model may raise anything
            yield False, describe(self._name, error)

    def unload(self) -> None:
        """Let the model go."""
        self._model.unload()


_remote: Any = ray.remote  # its types know no groups
Actor = _remote(concurrency_groups={"control": 1})(Host)
