"""Reading a page: flatten it, label its words, put them together, answer questions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sensorium_models.documents.figures import find_figures
from sensorium_models.documents.layout import Layout, lay_out
from sensorium_models.documents.tagging import Tag, Tagger
from sensorium_models.documents.words import PageWord, segments

Order = NDArray[np.int64]


@dataclass(frozen=True)
class Reading:
    """A page that was read: its words, what each is, and its layout."""

    words: list[PageWord] = field(default_factory=list)
    tags: list[Tag] = field(default_factory=list)
    lines: list[list[int]] = field(default_factory=list)
    layout: Layout = field(default_factory=Layout)


def read_page(
    tagger: Tagger, words: Sequence[PageWord], size: tuple[float, float],
    image: NDArray[np.uint8] | None = None, *,
    shuffle: np.random.Generator | None = None, blind: bool = False,
) -> Reading:  # fmt: skip
    """Label and put together ``words`` of a level page of ``size`` (width, height).

    ``image`` is that page: it is searched for figures, and looked at by a network with eyes. Two
    controls: ``shuffle`` gives the network the words in any order, ``blind`` no places.
    """
    figures = [] if image is None else find_figures(image, words)
    if not words:
        return Reading(layout=lay_out([], [], [], figures))
    boxes = np.array([word.box for word in words], np.float64)
    lines = segments(boxes)
    order = [at for line in lines for at in line]
    if shuffle is not None:
        order = [order[int(at)] for at in shuffle.permutation(len(order))]
    places = thousandths(boxes[order], *size) * (0 if blind else 1)
    found = tagger.tag([words[at].text for at in order], places, image)
    tags = [tag for _, tag in sorted(zip(order, found, strict=True), key=lambda pair: pair[0])]
    return Reading(list(words), tags, lines, lay_out(words, tags, lines, figures))


def thousandths(boxes: NDArray[np.floating], width: float, height: float) -> Order:
    """Boxes (N, 4) in thousandths of the page, as LayoutLM takes them: int64 in 0..1000."""
    scaled = np.asarray(boxes, np.float64) * 1000 / np.array([width, height, width, height])
    return np.asarray(np.clip(scaled.round(), 0, 1000), np.int64)
