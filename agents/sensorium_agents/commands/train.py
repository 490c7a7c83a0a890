"""``sensorium train NAME``: teach a system, and say how well it learned."""

from __future__ import annotations

import click

from sensorium_agents.commands.systems import Systems


@click.group("train", cls=Systems)
def train() -> None:
    """Teach a system. Each leaves its weights, a model card and its loss curves in a folder.

    A run that was stopped, in whatever way, goes on where it was when started again.
    """
