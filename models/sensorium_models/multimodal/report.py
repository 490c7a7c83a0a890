"""What ``sensorium evaluate multimodal`` measures, as rows with their controls."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from sensorium.errors import ModelUnavailable
from sensorium_models.multimodal.asking import PAIR_KINDS
from sensorium_models.multimodal.checkpoint import Bridge, Ours, load
from sensorium_models.multimodal.evaluate import Answered, Seer, questions, told
from sensorium_models.multimodal.model import NAME
from sensorium_models.multimodal.pictures import album
from sensorium_models.multimodal.prose import PROSE
from sensorium_models.multimodal.speaker import Speaker, load_speaker, plain_model
from sensorium_models.training import Row, lines_of
from sensorium_sims.world.questions import KINDS
from sensorium_sims.world.sampling import Split

SPLITS: dict[Split, str] = {"test": "seen pairs", "unseen": "unseen pairs"}
PICTURES = 400


def measure(
    weights: str = "", of_each: int = 60, tell: Callable[[str], None] = lambda line: None,
    language_model: str = "",
) -> dict[str, Any]:  # fmt: skip
    """Measure a checkpoint of ours (the bundled one if empty), ``of_each`` turns of each kind and
    split, with the language model in float32, as an agent uses it."""
    loaded = load(weights)
    if not isinstance(loaded, Ours):
        raise ModelUnavailable(NAME, f"{weights!r} is none of `sensorium train multimodal`")
    name = language_model or loaded.language
    speaker = load_speaker(name, loaded.file, "float32", tell)
    rows: list[Row] = []
    examples: dict[str, Any] = {}
    for split, named in SPLITS.items():
        tell(f"{named}: {PICTURES} pictures, {of_each} turns of each kind")
        seer = Seer(loaded.bridge, speaker, album(loaded.bridge.vision_tower, split, PICTURES))
        one = questions(seer, KINDS, of_each)
        rows += _rows("questions", one, named, "target 80 %; ")
        tell(f"  questions: {one.right['all']}")
        two = questions(seer, PAIR_KINDS, of_each)
        rows += _rows("questions about two pictures", two, named, "")
        tell(f"  questions about two pictures: {two.right['all']}")
        sentences = told(seer, of_each)
        rows.append(Row.of(f"things named by colour and shape, {named}", sentences.named))
        rows.append(Row.of(f"picture told word for word, {named}", sentences.exact))
        examples[named] = [list(pair) for pair in sentences.examples]
    text = text_only(loaded.bridge, speaker, name, loaded.file)
    rows.append(
        Row("perplexity of a text, with the connector loaded and used", text["with"],
            text["tokens"], None, f"without {text['without']:.4f}; same parameters to the bit:"
            f" {'yes' if text['same_parameters'] else 'NO'}", percent=False)
    )  # fmt: skip
    command = "sensorium evaluate multimodal" + (f" --weights {weights}" if weights else "")
    return {
        "weights": weights or "bundled", "rows": [asdict(row) for row in rows],
        "told": examples, "text_only": text, "command": f"{command} --turns {of_each}",
    }  # fmt: skip


def text_only(bridge: Bridge, speaker: Speaker, name: str, file: str) -> dict[str, Any]:
    """Perplexity of the bundled prose by the language model that has answered about pictures
    through ``bridge``, and by the same model as transformers loads it, with nothing of ours."""
    seer = Seer(bridge, speaker, album(bridge.vision_tower, "test", 4))
    told(seer, 2)
    alone = Speaker(plain_model(name, file), speaker.tokenizer)
    return {
        "with": speaker.perplexity(PROSE), "without": alone.perplexity(PROSE),
        "tokens": len(speaker.ids(PROSE)) - 1,
        "same_parameters": fingerprint(speaker.model) == fingerprint(alone.model),
    }  # fmt: skip


def fingerprint(model: Any) -> str:
    """The sha256 of a model's parameters."""
    digest = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(value.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def table(found: Mapping[str, Any]) -> str:
    """For a person."""
    lines = [f"Multimodal ({found['weights']})  [{found['command']}]", *lines_of(found, 58)]
    for name, pairs in found["told"].items():
        said, right = pairs[0]
        lines.append(f"  told, {name}: {said!r}, where {right!r} is right")
    return "\n".join(lines)


def _rows(what: str, found: Answered, split: str, target: str) -> list[Row]:
    rows = []
    for kind, right in found.right.items():
        name = f"{what}, {split}" if kind == "all" else f"  {kind}, {split}"
        note = (
            f"{target if kind == 'all' else ''}commonest answer {found.prior[kind].value:.1%};"
            f" nothing in the picture {found.blind[kind].value:.1%};"
            f" another picture {found.shuffled[kind].value:.1%}"
        )
        rows.append(Row.of(name, right, note))
    return rows
