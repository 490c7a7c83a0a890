"""What a person and what a program gets to see of a measured benchmark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sensorium_benchmarks.contract import Benchmark, Metric, Role, Target
from sensorium_benchmarks.figures import Summary, ratios
from sensorium_benchmarks.runner import Measured, Result


def ours_of(measured: Measured) -> Result:
    """Our own result."""
    return next(one for one in measured.results if one.contender.role is Role.OURS)


def as_json(benchmark: Benchmark, measured: Sequence[Measured], command: str) -> dict[str, Any]:
    """A benchmark as plain data: every value of every round, summaries, ratios, targets."""
    return {
        "name": benchmark.name,
        "title": benchmark.title,
        "command": command,
        "workloads": [
            {
                "name": one.workload.name,
                "title": one.workload.title,
                "parameters": dict(one.workload.parameters),
                "metrics": [
                    {"name": m.name, "unit": m.unit, "better": m.better.value}
                    for m in one.workload.metrics
                ],
                "contenders": [_contender(one, result) for result in one.results],
                "targets": [_target(one, target) for target in one.workload.targets],
            }
            for one in measured
        ],
    }


def print_tables(console: Console, benchmark: Benchmark, measured: Sequence[Measured]) -> None:
    """A table a workload, what it was run with, and how it stands to its targets."""
    for one in measured:
        console.print(f"[bold]{benchmark.title}: {one.workload.title}[/]")
        if one.workload.parameters:
            told = ", ".join(f"{key} {value}" for key, value in one.workload.parameters.items())
            console.print(f"  {told}", style="dim", markup=False)
        console.print(_list(one) if len(one.results) == 1 else _comparison(one))
        for target in one.workload.targets:
            console.print(_verdict(one, target))
        console.print()


def unmet(measured: Sequence[Measured]) -> list[str]:
    """The targets that were measured and missed, in words."""
    judged = [pair for one in measured for pair in verdicts(one)]
    return [str(target) for target, value in judged if value is not None and not target.met(value)]


def verdicts(measured: Measured) -> list[tuple[Target, float | None]]:
    """Each target of a workload with our value; None where it was not measured."""
    return [(target, _value_for(measured, target)) for target in measured.workload.targets]


def _comparison(measured: Measured) -> Table:
    """A contender a row: medians with their spread, and ours divided by it."""
    table = Table("")
    against = compared(measured)
    for metric in measured.workload.metrics:
        table.add_column(f"{metric.name}\n[dim]{metric.unit}[/]", justify="right")
    for metric in against:
        table.add_column(f"ours / it\n[dim]{metric.name}[/]", justify="right")
    for result in measured.results:
        table.add_row(*_row(measured, result, against))
    return table


def _list(measured: Measured) -> Table:
    """A metric a row, where there is nobody to compare with."""
    (result,) = measured.results
    table = Table(show_header=False)
    if not result.measured:
        table.add_row(f"[yellow]{escape(why(result))}[/]")
        return table
    for metric in measured.workload.metrics:
        value = _cell(Summary(tuple(result.values[metric.name])), metric.digits)
        table.add_row(metric.name.replace("_", " "), value, metric.unit)
    return table


def compared(measured: Measured) -> list[Metric]:
    """Metrics worth a column of ratios: those that targets compare with somebody else."""
    names = {target.metric for target in measured.workload.targets if target.against}
    return [metric for metric in measured.workload.metrics if metric.name in names]


def _row(measured: Measured, result: Result, compared: Sequence[Metric]) -> list[str]:
    contender = result.contender
    style = "bold" if contender.role is Role.OURS else ""
    label = f"{contender.name} {result.version}".strip()
    cells = [f"[{style}]{label}[/]" if style else f"{label} [dim]({contender.role.value})[/]"]
    if not result.measured:
        return [f"{cells[0]}\n[yellow]{escape(why(result))}[/]"]
    for metric in measured.workload.metrics:
        cells.append(_cell(Summary(tuple(result.values[metric.name])), metric.digits))
    for metric in compared:
        ratio = ratio_to(measured, result, metric.name)
        own = contender.role is Role.OURS
        cells.append("" if own or ratio is None else _cell(ratio, 2, "x"))
    return cells


def ratio_to(measured: Measured, other: Result, metric: str) -> Summary | None:
    """Our ``metric`` divided by that of ``other``, round by round; None if either has none."""
    ours = ours_of(measured)
    if not ours.measured or not other.measured:
        return None
    return ratios(ours.values[metric], other.values[metric])


def _cell(summary: Summary, digits: int, unit: str = "") -> str:
    middle = f"{summary.median:,.{digits}f}{unit}"
    if len(summary.values) == 1:
        return middle
    return f"{middle}\n[dim]{summary.low:,.{digits}f}-{summary.high:,.{digits}f}[/]"


def why(result: Result) -> str:
    """Why a contender has no figures."""
    if result.missing:
        contender = result.contender
        if contender.debian:
            return f"not installed: apt install {contender.debian}"
        return f"not installed: pip install {contender.install}"
    return f"failed: {result.error}"


def _verdict(measured: Measured, target: Target) -> str:
    value = _value_for(measured, target)
    if value is None:
        return f"  [dim]?[/] {target}: not measured"
    mark = "[green]met[/]" if target.met(value) else "[red]missed[/]"
    return f"  {mark} {target}: {value:.3g}{' x' if target.against else ''}"


def _value_for(measured: Measured, target: Target) -> float | None:
    ours = ours_of(measured)
    if not target.against:
        return Summary(tuple(ours.values[target.metric])).median if ours.measured else None
    other = next(r for r in measured.results if r.contender.name == target.against)
    ratio = ratio_to(measured, other, target.metric)
    return None if ratio is None else ratio.median


def _contender(measured: Measured, result: Result) -> dict[str, Any]:
    status = "not installed" if result.missing else "failed" if result.error else "measured"
    compare = result.measured and result.contender.role is not Role.OURS
    names = [metric.name for metric in measured.workload.metrics]
    return {
        "name": result.contender.name,
        "role": result.contender.role.value,
        "version": result.version,
        "status": status,
        "error": "" if status == "measured" else why(result),
        "figures": {name: _summary(Summary(tuple(v))) for name, v in result.values.items()},
        "ours_divided_by_it": {
            name: _summary(ratio)
            for name in (names if compare else [])
            if (ratio := ratio_to(measured, result, name)) is not None
        },
    }


def _target(measured: Measured, target: Target) -> dict[str, Any]:
    value = _value_for(measured, target)
    return {
        "target": str(target),
        "value": value,
        "met": None if value is None else target.met(value),
    }


def _summary(summary: Summary) -> dict[str, Any]:
    return {
        "median": summary.median,
        "low": summary.low,
        "high": summary.high,
        "values": list(summary.values),
    }
