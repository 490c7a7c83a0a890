"""Retrieval: is the right item among the first k that a query brings up?

R@1, R@5, R@10 and the median rank, as in the CLIP and Flickr30k literature. An item may be right
for several queries (five captions of one picture) and a query may have several right items: its
rank is that of the best of them. Ties count against the model: one that gives every item the same
score finds nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput
from sensorium_models.metrics.rates import Rate, rate

KS = (1, 5, 10)


@dataclass(frozen=True, slots=True)
class Retrieval:
    """``recall`` by k, and the ``median_rank`` (1 is best) of ``n`` queries among ``items``."""

    recall: dict[int, Rate]
    median_rank: float
    n: int
    items: int

    def __str__(self) -> str:
        recalls = ", ".join(f"R@{k} {share}" for k, share in self.recall.items())
        return f"{recalls}; median rank {self.median_rank:g} of {self.items}"


def ranks(similarity: NDArray[np.floating], right: Sequence[Sequence[int]]) -> NDArray[np.int64]:
    """The rank (Q,) of the best right item of each query, from scores (Q, items)."""
    scores = np.asarray(similarity, np.float64)
    if scores.ndim != 2 or len(right) != len(scores):
        raise BadInput(
            f"scores of shape {scores.shape} do not fit {len(right)} lists of right items"
        )
    if np.isnan(scores).any():
        raise BadInput("the scores hold values that are no numbers")
    found = np.empty(len(scores), np.int64)
    for query, (row, good) in enumerate(zip(scores, right, strict=True)):
        if not good:
            raise BadInput(f"query {query} has no right item")
        best = row[list(good)].max()
        others = np.ones(len(row), bool)
        others[list(good)] = False
        found[query] = 1 + int((row[others] >= best).sum())
    return found


def retrieval(
    similarity: NDArray[np.floating],
    right: Sequence[Sequence[int]] | None = None,
    ks: Sequence[int] = KS,
) -> Retrieval:
    """Measure scores (queries, items). Without ``right``, item i is right for query i."""
    scores = np.asarray(similarity)
    if right is None:
        if scores.ndim != 2 or scores.shape[0] != scores.shape[1]:
            raise BadInput(f"scores of shape {scores.shape} need the right items of each query")
        right = [(i,) for i in range(len(scores))]
    found = ranks(scores, right)
    recall = {k: rate(found <= k) for k in ks}
    return Retrieval(recall, float(np.median(found)), len(found), scores.shape[1])


def both_ways(
    images: NDArray[np.floating], texts: NDArray[np.floating], image_of: Sequence[int] | None = None
) -> tuple[Retrieval, Retrieval]:
    """Image to text and text to image, by cosine of embeddings (N, D) and (M, D).

    ``image_of`` (M) is the image of each text; without it text i belongs to image i.
    """
    owner = list(image_of) if image_of is not None else list(range(len(images)))
    if len(owner) != len(texts):
        raise BadInput(f"{len(texts)} texts, but the images of {len(owner)} are given")
    similarity = cosine(images, texts)
    texts_of: list[list[int]] = [[] for _ in range(len(images))]
    for text, image in enumerate(owner):
        texts_of[image].append(text)
    return retrieval(similarity, texts_of), retrieval(similarity.T, [(image,) for image in owner])


def cosine(one: NDArray[np.floating], other: NDArray[np.floating]) -> NDArray[np.float64]:
    """Cosines (N, M) of rows (N, D) and (M, D)."""
    left, right = np.asarray(one, np.float64), np.asarray(other, np.float64)
    if left.ndim != 2 or right.ndim != 2 or left.shape[1] != right.shape[1]:
        raise BadInput(f"embeddings of shapes {left.shape} and {right.shape} do not compare")
    left = left / np.maximum(np.linalg.norm(left, axis=1, keepdims=True), 1e-12)
    right = right / np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-12)
    return np.asarray(left @ right.T)
