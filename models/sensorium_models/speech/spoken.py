"""From written text to text that can be read aloud, and its cut into pieces.

hibari reads numbers, percentages, times, dates, most units and titles by itself. What it does not
know is what a language model writes around the words (markdown, links, bullets, emoji), compound
units, and abbreviations whose full stop it takes for the end of a sentence.
"""

from __future__ import annotations

import re
import unicodedata

_FENCE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_URL = re.compile(r"\b(?:https?://|www\.)([\w-]+(?:\.[\w-]+)+)(?:[/?#]\S*)?", re.IGNORECASE)
_LINE_START = re.compile(r"^\s*(?:#{1,6}\s+|[-*+•]\s+|>\s+)", re.MULTILINE)
_EMPHASIS = re.compile(r"(\*{1,3}|_{2,3}|~~|`+)(?=\S)(.+?)(?<=\S)\1", re.DOTALL)
_UNENDED_LINE = re.compile(r"([^\s.!?:;,…])[ \t]*\n+")
_DOMAIN_DOT = re.compile(r"\.(?=\w)")
_ABBREVIATIONS = {
    r"\be\.g\.,?": "for example,",
    r"\bi\.e\.,?": "that is,",
    r"\bapprox\.": "approximately",
    r"\betc\.(?=\s+[a-z])": "et cetera",
    r"\betc\.": "et cetera.",
    r"\bvs\.": "versus",
    r"\bNo\.(?=\s?\d)": "number",
    r"(?<=\d)\s?km/h\b": " kilometers per hour",
    r"(?<=\d)\s?m/s\b": " meters per second",
}
_SPACE_BEFORE_MARK = re.compile(r"\s+(?=[.,;:!?](?:\s|$))")
_SPACE = re.compile(r"\s+")
_SENTENCE = re.compile(r"(?<=[.!?…])[\"\u201d\u2019)\]]*\s+(?=[\"\u201c\u2018(\[]?[A-Z0-9])")
_ABBREVIATION = re.compile(r"(?:\b(?:Dr|Mr|Mrs|Ms|Prof|St)|\b[A-Z])\.$")
_CLAUSE = re.compile(r"(?<=[,;:—])\s+")
_CONJUNCTION = re.compile(r"\s+(?=(?:and|but|or|so|because|while|which|that|when|then|where)\s)")


def spoken(text: str) -> str:
    """``text`` without markup, emoji and control characters, on one line; may be empty.

    Code blocks are left out, links are read by their text, addresses by their host.
    """
    text = unicodedata.normalize("NFKC", _FENCE.sub(" ", text).replace("…", "..."))
    text = _LINK.sub(r"\1", text)
    text = _URL.sub(lambda m: _DOMAIN_DOT.sub(" dot ", m[1].removeprefix("www.")), text)
    text = _LINE_START.sub("", text)
    text = _EMPHASIS.sub(r"\2", text)
    text = _UNENDED_LINE.sub(r"\1. ", text)
    for short, long in _ABBREVIATIONS.items():
        text = re.sub(short, long, text)
    text = "".join(c if _can_be_read(c) else " " for c in text)
    text = _SPACE_BEFORE_MARK.sub("", _SPACE.sub(" ", text)).strip()
    return text if any(c.isalnum() for c in text) else ""


def pieces(text: str, *, longest: int = 240) -> list[str]:
    """Cut spoken ``text`` into sentences of at most about ``longest`` characters.

    A longer sentence is cut at clause marks, then before conjunctions, then between words; a
    single word is never cut. Joined with spaces the pieces give the text again.
    """
    found: list[str] = []
    for sentence in _sentences(text):
        found.extend(_fit(sentence, longest, (_CLAUSE, _CONJUNCTION, _SPACE)))
    return found


def _sentences(text: str) -> list[str]:
    found: list[str] = []
    held = ""
    for part in _SENTENCE.split(text):
        held = f"{held} {part}" if held else part
        if not _ABBREVIATION.search(held):
            found.append(held)
            held = ""
    return [*found, held] if held else found


def _fit(text: str, longest: int, cuts: tuple[re.Pattern[str], ...]) -> list[str]:
    """Pieces of ``text`` no longer than ``longest``, by the first cut of ``cuts`` that does."""
    if len(text) <= longest or not cuts:
        return [text] if text else []
    found: list[str] = []
    held = ""
    for part in cuts[0].split(text):
        joined = f"{held} {part}" if held else part
        if held and len(joined) > longest:
            found.extend(_fit(held, longest, cuts[1:]))
            held = part
        else:
            held = joined
    found.extend(_fit(held, longest, cuts[1:]))
    return found


def _can_be_read(char: str) -> bool:
    """Letters, digits, punctuation and the symbols a voice has words for; no emoji, no controls."""
    return unicodedata.category(char)[0] in "LNPZM" or char in "+=<>$£€¥°%~&"
