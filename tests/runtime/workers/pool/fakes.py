"""Small models that a worker hosts in tests: a plugin, loaded in the worker from this file."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sensorium import hookimpl
from sensorium.errors import BadInput, ModelUnavailable
from sensorium.workers import Model, ModelOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Fake(Model[Any, Any]):
    def load(self, device: str) -> None:
        self.device = device

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        return [self.one(request) for request in batch]

    def one(self, request: Any) -> Any:
        raise NotImplementedError


class Echo(Fake):
    """Gives back what it got, or says what it is."""

    def one(self, request: Any) -> Any:
        if request == "pid":
            return os.getpid()
        if request == "device":
            return self.device
        return request


class Sums(Fake):
    """A small answer to a large array."""

    def one(self, request: Any) -> Any:
        return int(request["image"][0, 0].sum())


class Batches(Fake):
    """Says how large the batch was; waits for a file, if told so, to be sure who is under way."""

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        for request in batch:
            if isinstance(request, dict) and "gate" in request:
                wait_for(Path(request["gate"]))
        return [{"size": len(batch), "request": request} for request in batch]


class Troubled(Fake):
    """Does what it is told, if it is told how to go wrong."""

    def one(self, request: Any) -> Any:
        match request:
            case {"do": "raise", "words": words}:
                raise ValueError(words)
            case {"do": "bad_input"}:
                raise BadInput("no image in here")
            case {"do": "exit"}:
                raise SystemExit(3)
            case {"do": "die", "mark": mark}:
                note(mark)
                os.kill(os.getpid(), signal.SIGKILL)
            case {"do": "hang", "mark": mark}:
                note(mark)
                signal.sigwait([])
                threading.Event().wait()
            case {"do": "once", "mark": mark}:  # dies the first time
                if note(mark) == 1:
                    os.kill(os.getpid(), signal.SIGKILL)
            case {"do": "wait", "gate": gate, "mark": mark}:
                note(mark)
                wait_for(Path(gate))
            case {"do": "result", "what": what}:
                return {1, 2} if what == "set" else object()
            case {"do": "print"}:
                print("printed by a model", flush=True)
                os.write(1, b"written by a library\n")
            case {"do": "child"}:
                return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid
            case {"do": "hog", "megabytes": megabytes}:
                return int(np.ones(megabytes << 20, np.uint8)[-1])
        return request


class Short(Fake):
    """Answers with too few results."""

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        return []


class Streamer(Fake):
    """Counts; writes down how far it came and that it was closed."""

    def one(self, request: Any) -> Any:
        return "plain"

    def stream(self, request: Any) -> Iterator[Any]:
        made = 0
        try:
            for made in range(request["parts"]):
                if made == request.get("raise_at"):
                    raise ValueError("enough")
                if made == request.get("die_at"):
                    os.kill(os.getpid(), signal.SIGKILL)
                if "size" in request:
                    yield np.full(request["size"], made, np.uint8)
                else:
                    yield made
        finally:
            if "log" in request:
                Path(request["log"]).write_text(f"closed after {made}")


class Stalls(Fake):
    """Takes its time: so many seconds for an answer, or between two parts."""

    def one(self, request: Any) -> Any:
        threading.Event().wait(request.get("s", 0))
        return request["n"]

    def stream(self, request: Any) -> Iterator[Any]:
        for part in range(request["parts"]):
            threading.Event().wait(request.get("s", 0))
            yield [request["n"], part]


class Unavailable(Fake):
    def load(self, device: str) -> None:
        raise ModelUnavailable("unavailable", "there are no weights")


class SlowToLoad(Fake):
    """Loads when a file is there; writes down that it was let go."""

    class Options(ModelOptions):
        gate: str
        gone: str

    def load(self, device: str) -> None:
        wait_for(Path(self.options.gate))

    def one(self, request: Any) -> Any:
        return request

    def unload(self) -> None:
        Path(self.options.gone).touch()


class OnlyOnce(Fake):
    """Can be loaded by the first who tries."""

    class Options(ModelOptions):
        mark: str

    def load(self, device: str) -> None:
        note(self.options.mark)
        try:  # one of two that come at the same time, and only one
            Path(f"{self.options.mark}.taken").touch(exist_ok=False)
        except FileExistsError:
            raise ModelUnavailable("onlyonce", "somebody has it") from None

    def one(self, request: Any) -> Any:
        return request


class DiesLoading(Fake):
    def load(self, device: str) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


class Heavy(Fake):
    """Takes 64 MiB."""

    def load(self, device: str) -> None:
        self.weights = np.ones(64 << 20, np.uint8)

    def one(self, request: Any) -> Any:
        return int(self.weights[0])


def note(mark: str) -> int:
    """Write down that we were here; returns how often we were."""
    with Path(mark).open("a") as file:
        file.write("x")
    return len(Path(mark).read_text())


def wait_for(path: Path) -> None:
    while not path.exists():
        time.sleep(0.001)


@hookimpl
def sensorium_register_models(registry: Any) -> None:
    for model in vars(sys.modules[__name__]).copy().values():
        if isinstance(model, type) and issubclass(model, Fake) and model is not Fake:
            registry.add(model.__name__.lower(), model)
