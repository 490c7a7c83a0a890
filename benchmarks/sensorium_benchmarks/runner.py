"""Running a benchmark: every run in a fresh process, contenders interleaved.

One round runs every contender once; the next round runs them in the opposite order, so that
neither a warming nor a busy machine favours one place in the line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

from sensorium_benchmarks.contract import DEBIAN_PYTHON, Benchmark, Contender, Workload

ROOT = Path(__file__).parents[1]
TIME_LIMIT_S = 600.0

Launch = Callable[[str, Mapping[str, Any]], dict[str, float]]
"""Runs ``module:function`` with parameters and returns its figures; raises :class:`RunFailed`."""


class RunFailed(Exception):
    """One run ended without figures; the message is its last word."""


@dataclass(slots=True)
class Result:
    """What one contender made of one workload."""

    contender: Contender
    version: str = ""
    missing: bool = False
    error: str = ""
    values: dict[str, list[float]] = field(default_factory=dict)
    """Per metric one value a round."""

    @property
    def measured(self) -> bool:
        """Whether there is a figure for every round."""
        return not self.missing and not self.error and bool(self.values)


@dataclass(frozen=True, slots=True)
class Measured:
    """One workload, measured."""

    workload: Workload
    results: tuple[Result, ...]


def launch(
    target: str, parameters: Mapping[str, Any], *, time_limit_s: float = TIME_LIMIT_S
) -> dict[str, float]:
    """Run ``target`` in a fresh interpreter. Raises :class:`RunFailed`.

    Whatever processes the run started have ended when it returns, or are killed.
    """
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    command = [sys.executable, "-m", "sensorium_benchmarks.child", target, json.dumps(parameters)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)}, start_new_session=True,
    ) as ran:  # fmt: skip
        try:
            output, errors = ran.communicate(timeout=time_limit_s)
        except subprocess.TimeoutExpired:
            raise RunFailed(f"took more than {time_limit_s:g} s") from None
        finally:
            _end_group(ran.pid)
    if ran.returncode != 0:
        raise RunFailed(_last_line(errors) or f"ended with status {ran.returncode}")
    figures: dict[str, float] = json.loads(_last_line(output))
    return figures


def measure(
    benchmark: Benchmark,
    *,
    repetitions: int | None = None,
    scale: float = 1.0,
    launch: Launch = launch,
    installed: Callable[[str], str] | None = None,
    note: Callable[[str], None] = lambda _: None,
) -> list[Measured]:
    """Run every workload of ``benchmark``; a contender that is missing or fails is left out.

    ``scale`` multiplies the work of every run, ``note`` hears what runs next, ``installed`` says
    the version of a distribution (empty when it is absent).
    """
    rounds = benchmark.repetitions if repetitions is None else repetitions
    measured = []
    for workload in benchmark.workloads:
        results = [
            _entered(one, installed or installed_version)
            for one in benchmark.contenders
            if not workload.among or one.name in workload.among
        ]
        for number, result in _turns(results, rounds):
            if result.missing or result.error:
                continue
            name = result.contender.name
            note(f"{benchmark.name} · {workload.title} · round {number + 1}/{rounds} · {name}")
            _run(workload, result, scale, launch)
        measured.append(Measured(workload, tuple(results)))
    return measured


def installed_version(distribution: str) -> str:
    """The version of an installed distribution; empty when it is not installed."""
    where = [*sys.path, DEBIAN_PYTHON]
    return next((one.version for one in distributions(name=distribution, path=where)), "")


def _entered(contender: Contender, installed: Callable[[str], str]) -> Result:
    if not contender.needs:
        return Result(contender)
    found = installed(contender.needs)
    return Result(contender, version=found, missing=not found)


def _turns(results: Sequence[Result], rounds: int) -> Iterator[tuple[int, Result]]:
    for number in range(rounds):
        for result in results if number % 2 == 0 else reversed(results):
            yield number, result


def _run(workload: Workload, result: Result, scale: float, launch: Launch) -> None:
    contender = result.contender
    parameters = workload.parameters_for(contender, scale)
    try:
        figures = launch(f"{contender.module}:{workload.function}", parameters)
        for metric in workload.metrics:
            result.values.setdefault(metric.name, []).append(float(figures[metric.name]))
    except RunFailed as error:
        result.error = str(error)
    except KeyError as error:
        result.error = f"its run gave no figure {error}"


def _end_group(leader: int) -> None:
    """Kill what a run has left behind: it leads a process group of its own."""
    with suppress(ProcessLookupError):
        os.killpg(leader, signal.SIGKILL)


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""
