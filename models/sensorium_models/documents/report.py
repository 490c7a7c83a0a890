"""What ``sensorium evaluate documents`` measures, as rows with their controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from sensorium_models.documents.evaluate import (
    SCALE,
    Found,
    mixed_up,
    pages,
    scored,
    total,
    with_real_reader,
    with_true_words,
)
from sensorium_models.documents.model import DocumentOptions, Documents
from sensorium_models.metrics.rates import bootstrap, mean, rate
from sensorium_models.metrics.reading import F1, entity_f1
from sensorium_models.training import Row, lines_of

SPLITS = {False: "known templates", True: "held-out templates"}


@dataclass(frozen=True, slots=True)
class Trials:
    """How many pages of each split are measured with true words, and how many photographs."""

    pages: int = 200
    photos: int = 24


FULL = Trials()


def measure(
    weights: str = "",
    trials: Trials = FULL,
    *,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure a checkpoint on pages that nothing was learnt from, as an agent uses it.

    ``weights`` as in :class:`DocumentOptions`. Raises ModelUnavailable for what is no such
    checkpoint. A photograph takes some five seconds.
    """
    from sensorium_models.documents.checkpoint import load
    from sensorium_models.documents.tagging import Tagger

    tagger = Tagger(load(weights), device)
    rows: list[Row] = []
    for unseen, told in SPLITS.items():
        tell(f"true words, {told}: {trials.pages} pages")
        found = with_true_words(tagger, list(pages(trials.pages, unseen=unseen)))
        rows += _rows_of_words(*found, told)
    if trials.photos:
        model = Documents(DocumentOptions(weights=weights))
        model.load(device)
        for unseen, told in SPLITS.items():
            tell(f"photographs and the real text reader, {told}: {trials.photos}")
            shown = list(pages(trials.photos, unseen=unseen, scale=SCALE))
            rows += _rows_of_photos(with_real_reader(model, shown), told)
        model.unload()
    command = f"sensorium evaluate documents --pages {trials.pages} --photos {trials.photos}"
    return {
        "weights": weights or "bundled",
        "rows": [asdict(row) for row in rows],
        "command": command + (f" --weights {weights}" if weights else ""),
    }


def table(found: Mapping[str, Any]) -> str:
    """For a person."""
    lines = [f"documents ({found['weights']})  [{found['command']}]"]
    lines += lines_of(found, 52)
    return "\n".join(lines)


def _rows_of_words(plain: Found, mixed: Found, blind: Found, told: str) -> list[Row]:
    controls = (
        f"target 92 %; words in any order {mixed.fields().f1:.1%};"
        f" text without places {blind.fields().f1:.1%}"
    )
    asked = f"target 85 %; answers of other questions {mixed_up(plain).value:.1%}"
    by_lines = f"by lines alone {mean(plain.by_lines).value:.1%}"
    return [
        _f1_row(f"entity F1, true words, {told}", plain, controls),
        Row.of(f"ANLS, true words, {told}", scored(plain), asked),
        Row.of(f"answer's words exactly right, {told}", rate(plain.boxes)),
        Row.of(f"TEDS, clean, {told}", mean(plain.teds), "target 95 %"),
        Row.of(f"reading order: neighbours kept, {told}", mean(plain.order), by_lines),
        _summed_row(f"regions: F1 at IoU .5, {told}", plain.regions),
    ]


def _rows_of_photos(found: Found, told: str) -> list[Row]:
    rows = [
        _f1_row(f"entity F1, photographs, real reader, {told}", found, "target 85 %"),
        Row.of(f"ANLS, photographs, {told}", scored(found),
               f"target 85 %; answers of other questions {mixed_up(found).value:.1%}"),
        Row.of(f"answer's box at IoU .5, photographs, {told}", rate(found.boxes)),
    ]  # fmt: skip
    if found.teds:
        rows.append(Row.of(f"TEDS, photographs, {told}", mean(found.teds), "target 88 %"))
    return rows


def _f1_row(name: str, found: Found, note: str) -> Row:
    """n counts pages with fields; the interval draws pages anew."""
    kept = [at for at, true in enumerate(found.true) if true or found.said[at]]

    def again(places: Any) -> Any:
        chosen = [kept[at] for at in places]
        f1 = entity_f1([found.said[at] for at in chosen], [found.true[at] for at in chosen]).f1
        return np.array([f1])

    interval = bootstrap(len(kept), again, draws=300)
    return Row(name, found.fields().f1, len(kept), interval, note)


def _summed_row(name: str, parts: list[F1]) -> Row:
    def again(places: Any) -> Any:
        return np.array([total([parts[at] for at in places]).f1])

    return Row(name, total(parts).f1, len(parts), bootstrap(len(parts), again, draws=300))
