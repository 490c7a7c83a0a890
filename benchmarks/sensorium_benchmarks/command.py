"""What ``sensorium bench`` does once it has found this suite."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from sensorium_benchmarks import machine, markdown, report
from sensorium_benchmarks.contract import Benchmark
from sensorium_benchmarks.runner import Launch, launch, measure


def run(
    benchmarks: Sequence[Benchmark],
    *,
    command: str,
    repetitions: int | None = None,
    scale: float = 1.0,
    json_wanted: bool = False,
    markdown_wanted: bool = False,
    check: bool = False,
    launch: Launch = launch,
) -> int:
    """Measure, print, and return the exit status.

    1 when our own contender failed, or with ``check`` when a target was missed; else 0. Tables
    are printed as they come, with ``markdown_wanted`` as they stand in the docs; JSON is one
    object at the end: ``{"machine", "scale", "benchmarks"}``.
    """
    errors = Console(stderr=True, highlight=False)
    output = Console(file=sys.stdout, highlight=False)
    host = machine.describe()
    plain = not json_wanted and not markdown_wanted
    if plain:
        output.print(f"[dim]{machine.sentence(host)}[/]")
        output.print("" if scale == 1 else f"[yellow]work scaled by {scale:g}: inexact[/]\n")
    documents: list[dict[str, Any]] = []
    status = 0
    with errors.status("starting") as shown:
        for benchmark in benchmarks:
            measured = measure(
                benchmark,
                repetitions=repetitions,
                scale=scale,
                launch=launch,
                note=shown.update,
            )
            failed = not all(report.ours_of(one).measured for one in measured)
            if failed or (check and report.unmet(measured)):
                status = 1
            documents.append(report.as_json(benchmark, measured, command))
            if plain:
                report.print_tables(output, benchmark, measured)
            if markdown_wanted:
                rounds = benchmark.repetitions if repetitions is None else repetitions
                print(f"## `{benchmark.name}`\n\n{markdown.heading(host, command, rounds)}\n")
                print(markdown.tables(measured), flush=True)
    if json_wanted:
        print(json.dumps({"machine": host, "scale": scale, "benchmarks": documents}, indent=2))
    return status
