"""What ``sensorium evaluate video`` measures, as rows with their controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sensorium_models.training import Row, lines_of
from sensorium_models.video_language.checkpoint import load
from sensorium_models.video_language.evaluate import Watched, answers, phrases, told
from sensorium_models.video_language.learning import reel
from sensorium_models.video_language.model import bundled
from sensorium_sims.world.sampling import Split

SPLITS: dict[Split, str] = {"test": "seen pairs", "unseen": "unseen pairs"}


def measure(
    weights: Path | None = None, films: int = 400,
    tell: Callable[[str], None] = lambda line: None,
) -> dict[str, Any]:  # fmt: skip
    """Measure a file (the bundled one if None) on ``films`` films of each held-out split."""
    network = load(weights or bundled())
    rows: list[Row] = []
    bleu: dict[str, Any] = {}
    for split, name in SPLITS.items():
        tell(f"{name}: {films} films")
        watched = Watched(network, reel(network.eye, split, films))
        rows += _answer_rows(watched, name)
        found = phrases(watched)
        rows += [
            Row.of(f"phrase found, R@1 at IoU {at}, {name}", found.at[at],
                   f"best fixed span {found.prior[at].value:.1%}"
                   + ("; target 80 %" if at == 0.7 else ""))
            for at in found.at
        ]  # fmt: skip
        sentence = told(watched)
        rows.append(Row.of(f"film told word for word, {name}", sentence.exact))
        bleu[name] = {
            "bleu": sentence.bleu.score, "signature": sentence.bleu.signature, "films": films,
            "attribute_f1": sentence.attributes, "clause_f1": sentence.clauses,
            "examples": [list(pair) for pair in sentence.examples[:3]],
        }  # fmt: skip
    command = "sensorium evaluate video" + (f" --weights {weights}" if weights else "")
    return {"weights": str(weights or "bundled"), "rows": [asdict(row) for row in rows],
            "told": bleu, "command": f"{command} --films {films}"}  # fmt: skip


def _answer_rows(watched: Watched, name: str) -> list[Row]:
    right, shuffled, blind = answers(watched), answers(watched.shuffled()), answers(watched.blind())
    rows = [
        Row.of(f"questions, {name}", right.right,
               f"target 85 %; shuffled frames {shuffled.right.value:.1%}; another film"
               f" {blind.right.value:.1%}; commonest answer {right.prior_right.value:.1%}")
    ]  # fmt: skip
    rows += [
        Row.of(f"  {kind}, {name}", one,
               f"shuffled frames {shuffled.kinds[kind].value:.1%};"
               f" commonest answer {right.prior[kind].value:.1%}")
        for kind, one in right.kinds.items()
    ]  # fmt: skip
    note = f"shuffled frames {shuffled.way.value:.1%}; chance 25 %, 50 % knowing the axis"
    return [*rows, Row.of(f"  which way, of what moves, {name}", right.way, note)]


def table(found: Mapping[str, Any]) -> str:
    """For a person."""
    lines = [f"Video-language ({found['weights']})  [{found['command']}]"]
    lines += lines_of(found)
    lines += [
        f"  told, {name}: BLEU {one['bleu']:.1f}, attribute F1 {one['attribute_f1']:.3f}, whole"
        f" clauses F1 {one['clause_f1']:.3f} (n = {one['films']})"
        for name, one in found["told"].items()
    ]
    return "\n".join(lines)
