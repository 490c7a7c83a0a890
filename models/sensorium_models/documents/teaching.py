"""Train the bundled network, save it, measure what was saved, write its card."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sensorium_models.documents.checkpoint import BUNDLED, save
from sensorium_models.documents.learning import MINUTES, PAGES, STEPS, DocumentTask, plan
from sensorium_models.documents.network import document_tokenizer
from sensorium_models.documents.report import FULL, Trials, measure
from sensorium_models.training import Progress, fit, rows_of, write_card

CARD = f"{BUNDLED}.md"
ABOUT = """\
Says what each word of a page is (key, one of 16 kinds of value, title, heading, cell of a table …):
a LayoutLMv3 (Huang et al., 2022) of text and places without the picture, in the format of
`transformers.LayoutLMv3ForTokenClassification`. Used by the model and the component `documents`.
Its weights are stored, and were measured, as float16."""
NOTES = """\
One training run, one seed: how much it varies from run to run was not measured. A tenth of the
pages was shown without places in training, so that the control without layout is fair. It knows the
invoices and forms of this world, in English: real forms have other keys, and for them a LayoutLMv3
tuned on FUNSD or CORD goes into the same setting. F1 with the real reader compares texts without
blanks and case."""


def teach(
    folder: Path,
    *,
    steps: int = STEPS,
    seed: int = 0,
    minutes: float | None = MINUTES,
    drawn: int = PAGES,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
    trials: Trials = FULL,
) -> dict[str, Any]:
    """Train in ``folder`` (what was begun there goes on), save, and measure what was saved.

    The folder then holds ``documents-world/`` (the checkpoint) and ``documents-world.md`` (its
    card). ``drawn`` pages are drawn to learn from.
    """
    tell(f"drawing {drawn} pages")
    fitted = fit(DocumentTask(drawn), plan(steps, seed, minutes), folder, on_progress=on_progress)
    saved = folder / BUNDLED
    save(saved, fitted.network, document_tokenizer())
    found = measure(str(saved), trials, tell=tell)
    write_card(
        folder / CARD,
        name=BUNDLED,
        about=ABOUT,
        command=f"sensorium train documents --steps {steps} --seed {seed}"
        + ("" if minutes is None else f" --minutes {minutes:g}"),
        data=f"{drawn} pages of `sensorium_sims.world.documents` (training templates and typefaces"
        " only), each time moved, scaled and misread by chance; six in ten of the invoices and"
        " forms laid out anew from their pieces, in places that no template has. Made by the"
        " program itself: no person's data is in them.",
        rows=rows_of(found),
        fitted=fitted,
        files=sorted(saved.iterdir()),
        notes=NOTES,
        packages=("transformers", "tokenizers", "safetensors"),
    )
    return found | {"steps": fitted.steps, "spent_s": round(fitted.spent_s, 1)}
