"""``sensorium evaluate NAME``: say how well a system does, beside what it must be compared to."""

from __future__ import annotations

import click

from sensorium_agents.commands.systems import Systems


@click.group("evaluate", cls=Systems)
def evaluate() -> None:
    """Measure a system. Every figure comes with its number of trials and its 95 % interval."""
