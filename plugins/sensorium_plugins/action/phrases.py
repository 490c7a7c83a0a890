"""Cutting a growing text into pieces worth speaking."""

from __future__ import annotations

import re

SENTENCE = re.compile(
    # neither "Dr. " nor the "2. " of a list ends a sentence; a new line does
    r"(?<!\bDr)(?<!\bMr)(?<!\bMs)(?<!\bMrs)(?<!\bSt)(?<!\bvs)(?<!\be\.g)(?<!\bi\.e)"
    r"(?<!^\d)(?<!^\d\d)(?<!\s\d)(?<!\s\d\d)[.!?…]+[\"')\]]*\s|\n",
)
CLAUSE = re.compile(r"[,;:—]\s")
PHRASE = re.compile(  # at the end of the text too: a cut before what turns out "island" is no worse
    r"\s(?=(?:and|or|but|with|in|on|at|to|of|for|from|by|as|through|into|about|which|that|who|when|"
    r"where|because|is|are|was|were|has|have|had|can|will)(?:\s|$))"
)
FIRST_WORDS = 3  # the first piece may be short: how soon the voice starts matters most
LONG = 160  # characters; a longer sentence is spoken clause by clause


class Phrases:
    """Feed text as it is generated; take whole sentences, the first piece as early as it goes.

    The pieces joined are the text, with white space at the cuts folded.
    """

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, text: str) -> list[str]:
        """Take more text; return the pieces that are complete now."""
        self._text += text
        pieces = []
        while (cut := self._cut()) is not None:
            pieces.append(self._text[:cut].strip())
            self._text = self._text[cut:]
            self._first = False
        return [piece for piece in pieces if piece]

    def finish(self) -> list[str]:
        """The text has ended: return what is left."""
        rest, self._text, self._first = self._text.strip(), "", True
        return [rest] if rest else []

    def _cut(self) -> int | None:
        ends = [SENTENCE]
        if self._first:
            ends += [CLAUSE, PHRASE]
        elif len(self._text) > LONG:
            ends.append(CLAUSE)
        cuts = [
            found.end()
            for pattern in ends
            for found in pattern.finditer(self._text)
            if pattern is SENTENCE or len(self._text[: found.end()].split()) >= FIRST_WORDS
        ]
        return min(cuts, default=None)
