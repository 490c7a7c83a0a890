"""What a camera and a text reader do to the words of a page, drawn by chance for training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sensorium_models.documents.pages import HEIGHT, WIDTH, Written, joined
from sensorium_models.documents.words import segments
from sensorium_sims.world.sampling import Rng

_ALIKE = {"I": "l", "l": "I", "O": "0", "0": "O", "o": "0", "Q": "a", "q": "g", "S": "5", "5": "S",
          "1": "l", "B": "8",
          "n": "h", "e": "c", "u": "v", ":": "", ".": ",", "rn": "m"}  # fmt: skip


def spoilt(page: Written, rng: Rng, *, letters: float = 0.01, glue: float = 0.03) -> Written:
    """The page seen a little askew, wider or narrower, with words misread, glued or lost.

    ``letters`` is the chance that a letter is misread, ``glue`` that a word runs into the next.
    """
    page = _reread(page, rng, letters, glue)
    boxes = page.boxes.copy()
    scale = rng.uniform(0.85, 1.12) * rng.uniform(0.95, 1.05, 2)
    centre = np.array([WIDTH / 2, HEIGHT / 2])
    angle = float(np.clip(rng.normal(0, 0.006), -0.015, 0.015))
    move = rng.uniform(-20, 20, 2)
    for corner in (slice(0, 2), slice(2, 4)):
        x, y = ((boxes[:, corner] - centre) * scale).T
        turned = np.stack([x - angle * y, y + angle * x], 1) + centre + move
        boxes[:, corner] = turned + rng.normal(0, 0.8, turned.shape)
    return replace(page, boxes=np.sort(boxes.reshape(-1, 2, 2), axis=1).reshape(-1, 4))


def _reread(page: Written, rng: Rng, letters: float, glue: float) -> Written:
    texts, boxes, tags = list(page.texts), page.boxes, list(page.tags)
    if rng.random() < 0.5:  # a clean reader
        return page
    kept: list[int] = []
    boxes = boxes.copy()
    for at, text in enumerate(texts):
        texts[at] = "".join(
            _ALIKE.get(letter, letter) if rng.random() < letters else letter for letter in text
        )
        same = kept and tags[at][:2] == "I-" and tags[at][2:] == tags[kept[-1]][2:]
        level = bool(kept) and abs(boxes[at, 1] - boxes[kept[-1], 1]) < 4
        if same and level and rng.random() < glue:
            texts[kept[-1]] += texts[at]
            boxes[kept[-1], 2] = boxes[at, 2]
        elif texts[at] and rng.random() >= 0.003:
            kept.append(at)
    if not kept:
        return page
    return Written([texts[at] for at in kept], boxes[kept], [tags[at] for at in kept])


def in_line_order(page: Written) -> Written:
    """Its words as a reader without any notion of columns gives them: by segments of lines.

    Tags stay IOB2: what is cut in two by that begins anew.
    """
    order = [at for segment in segments(page.boxes) for at in segment]
    moved = page.part(order)
    before = ""
    for place, tag in enumerate(moved.tags):
        prefix, _, name = tag.partition("-")
        if prefix == "I" and before != name:
            moved.tags[place] = f"B-{name}"
        before = name
    return moved


def strewn(page: Written, rng: Rng) -> Written:
    """Its words in any order: a control."""
    return joined([page.part([int(at)]) for at in rng.permutation(len(page.texts))])
