"""Pages to learn from: those of the world, and new ones laid out from pieces of theirs.

The world's training templates are few, so a network would learn them by heart. A page that is laid
out anew holds the same pieces (fields, tables, texts) in places, columns and distances drawn by
chance. Held-out templates and their typeface are never drawn here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from sensorium_models.documents.labels import page_tags
from sensorium_sims.world.documents import KINDS, Page, sample_page
from sensorium_sims.world.sampling import Rng

WIDTH, HEIGHT = 600.0, 800.0
SHARES = {"invoice": 0.4, "form": 0.34, "table": 0.16, "columns": 0.1}
TRAINING, VALIDATION = 11, 12
"""Seeds; evaluation has others."""


@dataclass
class Written:
    """Words of a page in points: ``texts``, ``boxes`` (N, 4), ``tags``. In reading order."""

    texts: list[str]
    boxes: NDArray[np.float32]
    tags: list[str]

    def part(self, places: Sequence[int]) -> Written:
        """Some of its words."""
        return Written(
            [self.texts[at] for at in places],
            self.boxes[list(places)].reshape(-1, 4),
            [self.tags[at] for at in places],
        )

    def moved(self, x: float, y: float) -> Written:
        """The same with its top left corner there."""
        by = np.array([x, y, x, y], np.float32) - np.tile(self.boxes[:, :2].min(0), 2)
        return replace(self, boxes=self.boxes + by)

    @property
    def size(self) -> tuple[float, float]:
        """Width and height of what is written."""
        low, high = self.boxes[:, :2].min(0), self.boxes[:, 2:].max(0)
        return float(high[0] - low[0]), float(high[1] - low[1])


def written(page: Page) -> Written:
    """A drawn page, with its tags."""
    boxes = np.array([word.box for word in page.words], np.float32).reshape(-1, 4)
    boxes *= WIDTH / page.image.shape[1]
    return Written([word.text for word in page.words], boxes, page_tags(page))


def joined(parts: Sequence[Written]) -> Written:
    """Several as one page."""
    return Written(
        [text for part in parts for text in part.texts],
        np.concatenate([part.boxes for part in parts]),
        [tag for part in parts for tag in part.tags],
    )


@dataclass
class Pool:
    """Drawn pages by kind, and their pieces by what they are."""

    pages: dict[str, list[Written]] = field(default_factory=dict)
    fields: dict[str, list[dict[str, tuple[Written, Written]]]] = field(default_factory=dict)
    """Of invoices and forms: key and value by label, a dict a page."""
    pieces: dict[str, list[Written]] = field(default_factory=dict)
    """title, heading, text, table, footer, checkbox: one region each."""


@cache
def pool(count: int, seed: int = TRAINING) -> Pool:
    """``count`` pages of the training templates. 30 pages a second or so; made once a process."""
    found = Pool({kind: [] for kind in KINDS}, {"invoice": [], "form": []})
    rng = np.random.default_rng(seed)
    for kind, share in SHARES.items():
        for _ in range(max(2, round(count * share))):
            page = sample_page(rng, kind)  # type: ignore[arg-type]
            _add(found, page)
    return found


def _add(found: Pool, page: Page) -> None:
    whole = written(page)
    found.pages[page.kind].append(whole)
    if page.fields:
        found.fields[page.kind].append(
            {f.label: (whole.part(f.key_words), whole.part(f.value_words)) for f in page.fields}
        )
    for place, region in enumerate(page.regions):
        if region.kind != "field":
            words = [at for at, word in enumerate(page.words) if word.region == place]
            found.pieces.setdefault(region.kind, []).append(whole.part(words))


def take(rng: Rng, values: Sequence[Written]) -> Written:
    """One of them."""
    return values[int(rng.integers(len(values)))]


def laid_out(found: Pool, rng: Rng, kind: str) -> Written:
    """A page that no template has: pieces of an invoice or a form in a layout drawn by chance."""
    chosen = found.fields[kind]
    source = [chosen[int(rng.integers(len(chosen)))] for _ in range(2)]
    pairs = {**source[0], **{k: v for k, v in source[1].items() if rng.random() < 0.5}}
    labels = list(pairs)
    last = [name for name in labels if name in ("subtotal", "tax", "total")]
    first = [name for name in labels if name not in last]
    if kind == "form" or rng.random() < 0.3:
        rng.shuffle(first)
    first = first[: int(rng.integers(2, len(first) + 1))]
    left, y = float(rng.uniform(25, 90)), float(rng.uniform(25, 70))
    parts: list[Written] = []

    def put(piece: Written, x: float, gap: float) -> None:
        nonlocal y
        parts.append(piece.moved(x, y))
        y += piece.size[1] + gap

    title = take(rng, found.pieces["title"])
    room = WIDTH - left - title.size[0]
    put(title, left if rng.random() < 0.5 or room < 20 else float(rng.uniform(20, room)), 16)
    if rng.random() < 0.7:
        put(take(rng, found.pieces["text"]), left, float(rng.uniform(10, 30)))
    y += _put_pairs(parts, [pairs[name] for name in first], rng, left, y)
    if kind == "invoice" or rng.random() < 0.25:
        if rng.random() < 0.85:
            table = take(rng, found.pieces["table"])
            put(table, max(10.0, min(left, WIDTH - table.size[0] - 10)), float(rng.uniform(10, 28)))
        y += _put_pairs(parts, [pairs[name] for name in last], rng, left, y)
    elif "checkbox" in found.pieces:
        x = left
        for _ in range(int(rng.integers(0, 5))):
            box = take(rng, found.pieces["checkbox"])
            parts.append(box.moved(x + 18, y))
            x += 120 if rng.random() < 0.7 else 100
        y += 30
    if rng.random() < 0.4:
        put(take(rng, found.pieces["text"]), left, 10)
    if rng.random() < 0.6:
        put(take(rng, found.pieces["footer"]), float(rng.uniform(30, 250)), 0)
    page = joined(parts)
    page.boxes *= min(1.0, (HEIGHT - 15) / max(float(page.boxes[:, 3].max()), 1.0))
    return page


def _put_pairs(
    parts: list[Written], pairs: Sequence[tuple[Written, Written]], rng: Rng, left: float, y: float
) -> float:
    """Lay fields out in one to three columns; returns how high they are together."""
    if not pairs:
        return 0.0
    columns = int(rng.choice([1, 1, 2, 2, 3])) if len(pairs) > 1 else 1
    below = bool(rng.random() < 0.5)
    wide = float(rng.uniform(0.7, 1.0)) * (WIDTH - left - 20) / columns
    if columns == 1 and rng.random() < 0.5:  # a narrow block, anywhere
        wide = float(rng.uniform(170, 330))
        left = float(rng.uniform(20, max(21.0, WIDTH - wide - 20)))
    pitch = float(rng.uniform(30, 60)) if below else float(rng.uniform(16, 44))
    value_x = float(rng.uniform(90, 190))
    right = bool(rng.random() < 0.4)
    close = bool(rng.random() < 0.25)
    by_row = bool(rng.random() < 0.7)
    rows = -(-len(pairs) // columns)
    for place, (key, value) in enumerate(pairs):
        row, column = divmod(place, columns) if by_row else divmod(place, rows)[::-1]
        x, top = left + column * wide, y + row * pitch
        parts.append(key.moved(x, top))
        if below:
            down = top + key.size[1] + float(rng.uniform(3, 8))
            parts.append(value.moved(x, down))
            continue
        after = x + key.size[0] + 6
        at = after if close else max(after, x + min(value_x, wide * 0.55))
        if right and not close:
            at = max(after, x + wide - 14 - value.size[0])
        parts.append(value.moved(at, top))
    return rows * pitch + float(rng.uniform(4, 22))
