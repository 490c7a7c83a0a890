"""Documents: ANLS of answers, F1 of entities."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass

from sensorium.errors import BadInput, MissingDependency
from sensorium_models.metrics.rates import Mean, mean

Entity = tuple[str, int, int]
"""Label, first word, and the word after the last."""


def edit_share(one: str, other: str) -> float:
    """Levenshtein distance over the longer length: 0 is equal, 1 has nothing in common."""
    try:
        from rapidfuzz.distance import Levenshtein
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "edit distance", "rapidfuzz", 'Run: pip install "sensorium[evaluation]"'
        ) from error
    return float(Levenshtein.normalized_distance(one, other))


def anls(answers: Sequence[str], right: Sequence[Sequence[str]], *, threshold: float = 0.5) -> Mean:
    """Average normalised Levenshtein similarity (Biten et al., "ST-VQA", 2019), as in DocVQA.

    The best of the right answers counts, case is ignored, and a distance of ``threshold`` or more
    earns nothing.
    """
    if len(answers) != len(right):
        raise BadInput(f"{len(answers)} answers to {len(right)} questions")
    return mean(_similarity(a, r, threshold) for a, r in zip(answers, right, strict=True))


def _similarity(answer: str, right: Sequence[str], threshold: float) -> float:
    if not right:
        raise BadInput("ANLS needs at least one right answer a question")
    plain = " ".join(answer.strip().lower().split())
    distance = min(edit_share(plain, " ".join(r.strip().lower().split())) for r in right)
    return 1 - distance if distance < threshold else 0.0


def entities(tags: Sequence[str]) -> set[Entity]:
    """The entities in IOB2 tags; an ``I-`` that continues nothing begins one, as in conlleval."""
    found: set[Entity] = set()
    label, start = "", 0
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        if prefix not in ("B", "I", "O") or (prefix == "O") == bool(name):
            raise BadInput(f"{tag!r} is no IOB2 tag: O, B-label or I-label")
        if label and not (prefix == "I" and name == label):
            found.add((label, start, place))
            label = ""
        if name and not label:
            label, start = name, place
    return found


@dataclass(frozen=True, slots=True)
class F1:
    """Micro-averaged ``precision``, ``recall`` and ``f1``, with the counts behind them."""

    right: int
    found: int
    true: int

    @property
    def precision(self) -> float:
        """Of what was found, the share that is right; 0 when nothing was found."""
        return self.right / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Of what is true, the share that was found; 0 when nothing is true."""
        return self.right / self.true if self.true else 0.0

    @property
    def f1(self) -> float:
        """Their harmonic mean."""
        total = self.found + self.true
        return 2 * self.right / total if total else 0.0


def entity_f1(found: Iterable[Iterable[Hashable]], true: Iterable[Iterable[Hashable]]) -> F1:
    """Over documents of entities each: right is what equals a true one wholly, label and words.

    Pass :func:`entities` of the tags (FUNSD, CORD), or (label, text) pairs for end-to-end systems.
    """
    right = said = wanted = 0
    for mine, theirs in zip(found, true, strict=True):
        a, b = set(mine), set(theirs)
        right, said, wanted = right + len(a & b), said + len(a), wanted + len(b)
    return F1(right, said, wanted)
