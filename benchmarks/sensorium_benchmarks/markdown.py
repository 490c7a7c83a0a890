"""A measured benchmark as it stands in ``docs/benchmarks.md``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sensorium_benchmarks.contract import Role
from sensorium_benchmarks.figures import Summary
from sensorium_benchmarks.machine import sentence
from sensorium_benchmarks.report import compared, ratio_to, verdicts, why
from sensorium_benchmarks.runner import Measured, Result


def heading(machine: dict[str, Any], command: str, rounds: int) -> str:
    """How the tables that follow were made."""
    told = sentence({**machine, "system": machine["system"].partition(" ")[0]})
    return f"Medians (lowest-highest) of {rounds} rounds; {told}. Command: `{command}`."


def tables(measured: Sequence[Measured]) -> str:
    """A table for each workload, and how it stands to its targets."""
    return "\n".join(line for one in measured for line in _table(one))


def _table(measured: Measured) -> Iterator[str]:
    metrics = measured.workload.metrics
    against = compared(measured)
    heads = [measured.workload.title]
    for metric in metrics:
        heads.append(f"{metric.name.replace('_', ' ')}, {metric.unit}")
        heads += ["ours / it"] if metric in against else []
    yield _line(heads)
    yield "|" + "---|" * len(heads)
    for result in measured.results:
        cells = [_name(result)]
        if not result.measured:
            yield _line([*cells, why(result), *[""] * (len(heads) - 2)])
            continue
        for metric in metrics:
            cells.append(_cell(Summary(tuple(result.values[metric.name])), metric.digits))
            if metric in against:
                own = result.contender.role is Role.OURS
                ratio = None if own else ratio_to(measured, result, metric.name)
                cells.append(_cell(ratio, 2, "x") if ratio else "")
        yield _line(cells)
    yield ""
    judged = [
        f"{target}: {'not measured' if value is None else f'{value:.3g}'}"
        + ("" if value is None else ", met" if target.met(value) else ", **missed**")
        for target, value in verdicts(measured)
    ]
    if judged:
        yield "Targets: " + "; ".join(judged) + "."
        yield ""


def _name(result: Result) -> str:
    limit = " (limit)" if result.contender.role is Role.LIMIT else ""
    return f"{result.contender.name} {result.version}".strip() + limit


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(summary: Summary, digits: int, unit: str = "") -> str:
    middle = f"{summary.median:,.{digits}f}{unit}"
    if len(set(summary.values)) == 1:
        return middle
    return f"{middle} ({summary.low:,.{digits}f}-{summary.high:,.{digits}f})"
