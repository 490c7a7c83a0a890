"""The words that the video-language model reads and writes: a token a word."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sensorium.errors import BadInput
from sensorium_sims.world.questions import ANSWERS
from sensorium_sims.world.vocabulary import (
    COLOURS,
    DIRECTIONS,
    MATERIALS,
    NUMBERS,
    SHAPES,
    SIZES,
    SOUNDS,
    plural,
)

PAD, START, END = "<pad>", "<start>", "<end>"
LONGEST = 32
"""Tokens of a text, START among them."""
TELL, WHEN = "<tell>", "<when>"
"""Instead of an answer: the answer is a sentence, or a span of time."""
REPLIES: tuple[str, ...] = (
    *(answer for answer in ANSWERS if answer not in (*SOUNDS, "nothing")), TELL, WHEN,
)  # fmt: skip
"""All that a question can be answered with. Films are watched here, not heard."""
ASKED = """what which who how when where is are was does do did there the a an of in same more than
most many larger smaller or and way move moves moving moved stay stays before after first last then
happens happened happen film video clip describe tell me about us this that thing things it and"""
_WORD = re.compile(r"[^\W_]+|,")


def _vocabulary() -> tuple[str, ...]:
    nouns = [*SHAPES, "thing"]
    phrases = [ASKED, *COLOURS, *MATERIALS, *SIZES, *DIRECTIONS, *NUMBERS, *map(str, range(7))]
    phrases += [*nouns, *(plural(noun) for noun in nouns), "size material colour color shape"]
    phrases += ["small large nowhere nothing yes no to left right above below"]
    words = dict.fromkeys(word for phrase in phrases for word in phrase.split())
    return (PAD, START, END, ",", *words)


WORDS = _vocabulary()
NUMBER = {word: number for number, word in enumerate(WORDS)}


def encode(text: str) -> list[int]:
    """START and the numbers of a text's words.

    Raises BadInput for an empty text, one that is too long, and words that it does not know.
    """
    words = _WORD.findall(text.lower().replace("'s", " is"))
    if not words:
        raise BadInput("the question is empty: ask something about the film")
    unknown = [word for word in dict.fromkeys(words) if word not in NUMBER]
    if unknown:
        named = ", ".join(repr(word) for word in unknown)
        raise BadInput(
            f"the video-language model does not know {named} in {text[:80]!r}: it knows words of"
            " the synthetic world (docs/video_language.md)"
        )
    if len(words) >= LONGEST:
        raise BadInput(f"a text of {len(words)} words; the model reads {LONGEST - 1}")
    return [NUMBER[START], *(NUMBER[word] for word in words)]


def decode(numbers: Sequence[int]) -> str:
    """The text of numbers up to END."""
    words = []
    for number in numbers:
        if WORDS[number] == END:
            break
        words.append(WORDS[number])
    return " ".join(words).replace(" ,", ",")
