"""VQA accuracy as the VQA v2 challenge computes it (Antol et al., 2015; Goyal et al., 2017).

An answer that 3 or more of the 10 people gave is right; averaged over all sets of 9 of them.
Answers are compared in one written form: lower case, without articles and punctuation, number
words as digits, apostrophes put back into contractions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from sensorium.errors import BadInput
from sensorium_models.metrics.rates import Mean, mean

_DIGITS = {
    word: str(value)
    for value, word in enumerate(
        "zero one two three four five six seven eight nine ten".split()  # noqa: SIM905
    )
} | {"none": "0"}
_ARTICLES = frozenset(("a", "an", "the"))
_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'
_COMMA_IN_NUMBER = re.compile(r"\d,\d")
_PERIOD = re.compile(r"\.(?!\d)")
_BARE = (
    "ain't aren't can't could've couldn't didn't doesn't don't hadn't hasn't haven't he'd "
    "he's how'd how'll how's isn't it'd it'll ma'am might've mightn't must've mustn't needn't "
    "not've o'clock oughtn't shan't should've shouldn't somebody'll somebody's someone'd "
    "someone'll someone's something'd something'll that's there'd there're there's they'd "
    "they'll they're they've 'twas wasn't we've weren't what'll what're what's what've when's "
    "where'd where's where've who'd who'll who's who've why'll why're why's won't would've "
    "wouldn't y'all you'd you'll you're you've "
)
_CONTRACTIONS = {word.replace("'", ""): word for word in _BARE.split()}


def normalise_answer(answer: str) -> str:
    """The form in which answers are compared: ``The two dogs.`` -> ``2 dogs``."""
    text = answer.replace("\n", " ").replace("\t", " ").strip()
    numbered = _COMMA_IN_NUMBER.search(text) is not None
    cleaned = text
    for mark in _PUNCTUATION:
        beside_space = f"{mark} " in text or f" {mark}" in text
        cleaned = cleaned.replace(mark, "" if beside_space or numbered else " ")
    cleaned = _PERIOD.sub("", cleaned)
    words = [_DIGITS.get(word, word) for word in cleaned.lower().split()]
    return " ".join(_CONTRACTIONS.get(word, word) for word in words if word not in _ARTICLES)


def answer_accuracy(answer: str, people: Sequence[str]) -> float:
    """From 0 to 1, against what people answered (10 in VQA v2)."""
    if not people:
        raise BadInput("VQA accuracy needs the answers of at least one person")
    given = normalise_answer(answer)
    theirs = [normalise_answer(other) for other in people]
    agreeing = theirs.count(given)
    if len(people) == 1:
        return float(agreeing)
    # Leaving out one who agrees leaves one less to agree with.
    scores = [min(1.0, (agreeing - (other == given)) / 3) for other in theirs]
    return sum(scores) / len(scores)


def vqa_accuracy(answers: Sequence[str], people: Sequence[Sequence[str]]) -> Mean:
    """The mean over questions. One answer a question (our world's) makes it exact match."""
    if len(answers) != len(people):
        raise BadInput(f"{len(answers)} answers to {len(people)} questions")
    return mean(answer_accuracy(a, p) for a, p in zip(answers, people, strict=True))
