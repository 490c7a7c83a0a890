"""``sensorium train documents``: what each word of a page is, by its text and its place."""

from __future__ import annotations

from pathlib import Path

import click

from sensorium_agents.commands.systems import on_progress, say, tell, training


@click.command("documents")
@click.option("--steps", type=click.IntRange(10), help="The most, of the optimiser.")
@click.option("--seed", default=0, show_default=True, type=click.IntRange(0, 1000))
@click.option(
    "--minutes",
    type=click.FloatRange(0, min_open=True),
    help="CPU time; the learning rate falls along it.  [default: as bundled]",
)
@click.option("--threads", default=1, show_default=True, type=click.IntRange(1, 256))
@click.option("--out", type=click.Path(path_type=Path), help="[default: trained/documents]")
@click.option("--pages", default=200, show_default=True, type=click.IntRange(4, 10_000),
              help="To measure with, of each split.")  # fmt: skip
@click.option("--photos", default=24, show_default=True, type=click.IntRange(0, 10_000),
              help="To measure with, of each split; five seconds each.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="The measures as one JSON object.")
def command(
    steps: int | None, seed: int, minutes: float | None, threads: int, out: Path | None,
    pages: int, photos: int, as_json: bool,
) -> None:  # fmt: skip
    """Train the network that labels the words of documents, and measure it.

    OUT then holds documents-world/ (LayoutLMv3ForTokenClassification in transformers' format),
    documents-world.md (its card), history.jsonl and curves.png. The model documents runs it in an
    agent: weights = "OUT/documents-world".
    """
    folder = out or Path("trained/documents")
    with training("documents", "language,vision,documents,evaluation"):
        import torch

        from sensorium_models.documents.learning import MINUTES, STEPS
        from sensorium_models.documents.report import Trials, table
        from sensorium_models.documents.teaching import teach

        torch.set_num_threads(threads)
        found = teach(
            folder, steps=steps or STEPS, seed=seed, minutes=minutes or MINUTES, tell=tell,
            on_progress=on_progress, trials=Trials(pages, photos),
        )  # fmt: skip
    say(found, as_json, lambda it: f"{table(it)}\n  weights and card in {folder}")
