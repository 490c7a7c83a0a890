"""``sensorium evaluate documents``: fields, answers, tables and order of pages, with controls."""

from __future__ import annotations

import click

from sensorium_agents.commands.systems import say, tell, training


@click.command("documents")
@click.option("--weights", default="", help="A folder or hub id.  [default: the bundled one]")
@click.option("--pages", default=200, show_default=True, type=click.IntRange(4, 10_000),
              help="Of each split, with their true words.")  # fmt: skip
@click.option("--photos", default=24, show_default=True, type=click.IntRange(0, 10_000),
              help="Of each split, with the real text reader; five seconds each.")  # fmt: skip
@click.option("--device", default="cpu", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def command(weights: str, pages: int, photos: int, device: str, as_json: bool) -> None:
    """Measure the reading of documents on pages that nothing was learnt from.

    Known and held-out templates; controls: words in any order, text without places, answers of
    other questions, the order of lines alone.
    """
    with training("documents", "language,vision,documents,evaluation"):
        from sensorium_models.documents.report import Trials, measure, table

        found = measure(weights, Trials(pages, photos), device=device, tell=tell)
    say(found, as_json, table)
