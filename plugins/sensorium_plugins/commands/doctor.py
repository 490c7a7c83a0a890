"""``sensorium doctor``: what this machine has, and what to do about what it lacks.

A *problem* keeps the default agent from running and makes the exit status 1; a *note* does not (a
machine without a camera plays the bundled scene). Whatever a check meets, it ends as a line.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from sensorium_plugins.commands import checkup
from sensorium_plugins.commands.checkup import Finding, Level

_STYLES = {Level.OK: "green", Level.NOTE: "yellow", Level.PROBLEM: "bold red"}


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.pass_context
def doctor(context: click.Context, as_json: bool) -> None:
    """Check this machine: libraries, models, devices, settings, plugins.

    The exit status is 0 when the default agent can run here, with or without devices.
    """
    findings = examine(checkup.CHECKS)
    healthy = all(finding.level is not Level.PROBLEM for finding in findings)
    if as_json:
        click.echo(json.dumps({"ok": healthy, "findings": [_row(f) for f in findings]}, indent=2))
    else:
        _print(findings, healthy)
    context.exit(0 if healthy else 1)


def examine(checks: Iterable[tuple[str, Callable[[], Iterable[Finding]]]]) -> list[Finding]:
    """Run every ``(subject, check)``; one that raises becomes a problem of its subject."""
    findings: list[Finding] = []
    for subject, check in checks:
        try:
            findings += check()
        except Exception as error:  # noqa: BLE001 - a doctor reports whatever is wrong
            trouble = f"the check itself failed: {type(error).__name__}: {error}"
            findings.append(Finding(subject, Level.PROBLEM, trouble, "Please report this."))
    return findings


def _row(finding: Finding) -> dict[str, Any]:
    return {
        "subject": finding.subject,
        "level": finding.level.value,
        "detail": finding.detail,
        "remedy": finding.remedy,
    }


def _print(findings: list[Finding], healthy: bool) -> None:
    console = Console(highlight=False)
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    for _ in range(3):
        table.add_column(overflow="fold")
    for finding in findings:
        style = _STYLES[finding.level]
        remedy = f"\n→ {finding.remedy}" if finding.remedy else ""
        table.add_row(
            f"[{style}]{finding.level.value}[/]",
            console.render_str(finding.subject, markup=False),
            console.render_str(finding.detail + remedy, markup=False, emoji=False),
        )
    console.print(table)
    problems = sum(finding.level is Level.PROBLEM for finding in findings)
    console.print(
        "\nThe default agent can run here: sensorium run"
        if healthy
        else f"\n{problems} to mend before the default agent can run here."
    )
