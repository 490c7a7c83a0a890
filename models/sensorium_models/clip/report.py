"""What ``sensorium evaluate clip`` measures, as rows with their controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from sensorium_models.clip.evaluate import Encoder, Gallery, Groups, gallery, groups, zero_shot
from sensorium_models.clip.model import Clip, ClipOptions
from sensorium_models.metrics.retrieval import Retrieval
from sensorium_models.training import Row, lines_of
from sensorium_sims.world.captions import TwinKind
from sensorium_sims.world.sampling import Split

SPLITS: dict[Split, str] = {"test": "seen pairs", "unseen": "unseen pairs"}
TARGETS = {"test": "95 %", "unseen": "90 %"}


@dataclass(frozen=True, slots=True)
class Trials:
    """How much is measured: ``pictures`` a split, ``pairs`` a gallery, ``groups`` a kind."""

    pictures: int = 1000
    pairs: int = 500
    groups: int = 400


FULL = Trials()


def measure(
    weights: str = "",
    trials: Trials = FULL,
    *,
    device: str = "cpu",
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:
    """Measure a checkpoint as an agent uses it, on pictures that nothing was learnt from.

    ``weights`` as in :class:`ClipOptions`. Raises ModelUnavailable for what is no CLIP, BadInput
    for one that does not know the world's words.
    """
    model = Clip(ClipOptions(weights=weights))
    model.load(device)
    encoder = Encoder.of_model(model)
    rows: list[Row] = []
    for split in SPLITS:
        tell(f"zero-shot, {SPLITS[split]}: {trials.pictures} pictures")
        rows += _zero_shot_rows(encoder, split, trials.pictures)
    galleries: dict[str, Gallery] = {}
    for split in SPLITS:
        tell(f"retrieval, {SPLITS[split]}: {trials.pairs} pairs")
        galleries[split] = found = gallery(encoder, split, trials.pairs)
        rows += _gallery_rows(found, SPLITS[split], trials.pairs)
    hard: list[Groups] = []
    for kind in get_args(TwinKind):
        tell(f"groups, {kind}: {trials.groups}")
        hard.append(groups(encoder, kind, "test", trials.groups))
        rows += _group_rows(hard[-1], kind)
    seen = galleries["test"]
    return {
        "weights": weights or "bundled",
        "rows": [asdict(row) for row in rows],
        "gap": {
            "distance": seen.gap, "matched": seen.matched, "unmatched": seen.unmatched,
            "clip_score": seen.score.value, "clip_score_ci95": list(seen.score.ci95),
            "pairs": trials.pairs,
        },
        "command": "sensorium evaluate clip" + (f" --weights {weights}" if weights else ""),
    }  # fmt: skip


def table(found: Mapping[str, Any]) -> str:
    """For a person."""
    lines = [f"CLIP ({found['weights']})  [{found['command']}]"]
    lines += lines_of(found)
    gap = found["gap"]
    low, high = gap["clip_score_ci95"]
    lines.append(
        f"  modality gap {gap['distance']:.3f}; mean cosine of true pairs {gap['matched']:.3f},"
        f" of others {gap['unmatched']:.3f} ({gap['pairs']} pairs)"
    )
    lines.append(
        f"  CLIP score of true pairs {gap['clip_score']:.3f} (95 % {low:.3f} to {high:.3f})"
    )
    return "\n".join(lines)


def _zero_shot_rows(encoder: Encoder, split: Split, count: int) -> list[Row]:
    found = zero_shot(encoder, split, count)
    told = SPLITS[split]
    control = f"target {TARGETS[split]}; pictures shuffled {found.shuffled.value:.1%}; chance 1 %"
    return [
        Row.of(f"100-way zero-shot, {told}", found.both, control),
        Row.of(f"its shape, {told}", found.shape, "chance 10 %"),
        Row.of(f"its colour, {told}", found.colour, "chance 10 %"),
    ]


def _gallery_rows(found: Gallery, told: str, pairs: int) -> list[Row]:
    def row(way: str, measured: Retrieval, k: int, target: str) -> Row:
        blind = found.blind.recall[k].value
        note = f"target {target}; colours alone {blind:.1%}; chance {k / pairs:.1%}"
        return Row.of(f"{way} R@{k} of {pairs}, {told}", measured.recall[k], note)

    return [
        row(way, measured, k, target)
        for way, measured in (("text of a picture", found.to_text), ("picture of a text",
                                                                      found.to_image))
        for k, target in ((1, "75 %"), (5, "97 %"))
    ]  # fmt: skip


def _group_rows(found: Groups, kind: str) -> list[Row]:
    text_only = f"text only {found.text_only.value:.1%}"
    return [
        Row.of(f"groups, {kind}", found.scores.group, "target 85 %; chance 16.7 %"),
        Row.of(f"  its text score, {kind}", found.scores.text, "chance 25 %"),
        Row.of(f"  its image score, {kind}", found.scores.image, "chance 25 %"),
        Row.of(f"  own caption over the twin's, {kind}", found.caption, text_only),
    ]
