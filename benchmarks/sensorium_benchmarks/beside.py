"""A second process of a contender, for those that bring none of their own."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

READY = "ready"


class Beside:
    """The other process: ``python -m MODULE ARGUMENT``, which prints ``ready`` and, last, JSON."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def wait_for_line(self) -> None:
        """Until it prints one more line."""
        assert self._process.stdout is not None
        self._process.stdout.readline()

    def figures(self) -> Any:
        """Wait for its end; what it printed last. Raises RuntimeError when there is nothing."""
        output, _ = self._process.communicate()
        if self._process.returncode != 0 or not output.strip():
            raise RuntimeError(f"the other process ended with status {self._process.returncode}")
        return json.loads(output.strip().splitlines()[-1])


@contextmanager
def started(module: str, argument: Any, *, descriptors: Sequence[int] = ()) -> Iterator[Beside]:
    """Start ``module`` with ``argument`` as JSON and wait until it is ready; end it at the end.

    It inherits ``descriptors``, whose numbers stay the same.
    """
    command = [sys.executable, "-m", module, json.dumps(argument)]
    with subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pass_fds=tuple(descriptors),
    ) as process:
        try:
            assert process.stdout is not None
            if process.stdout.readline().strip() != READY:
                raise RuntimeError(f"{module} did not become ready")
            yield Beside(process)
        finally:
            process.kill()
