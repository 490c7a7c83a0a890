"""One written form for English that can be written in several, as the Whisper paper (appendix C).

Both the reference and the hypothesis pass through it, so that "It's 5%." and "it is five percent"
count as the same words. Numbers become words; digits are read as a cardinal (``42`` -> ``forty
two``), digit by digit after a leading zero.
"""

from __future__ import annotations

import re
import unicodedata

# fmt: off
_ONES = (
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine",
    "ten", "eleven", "twelve", "thirteen", "fourteen", "fifteen",
    "sixteen", "seventeen", "eighteen", "nineteen",
)
_TENS = ("_", "_", "twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
# fmt: on
_SCALES = ((10**9, "billion"), (10**6, "million"), (1000, "thousand"), (100, "hundred"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_CONTRACTIONS = (
    (r"\bwon't\b", "will not"),
    (r"\bcan't\b|\bcannot\b", "can not"),
    (r"\blet's\b", "let us"),
    (r"n't\b", " not"),
    (r"'re\b", " are"),
    (r"'ve\b", " have"),
    (r"'ll\b", " will"),
    (r"'m\b", " am"),
    (r"'d\b", " would"),
    (r"\b(it|that|he|she|what|there|here|who|where|how)'s\b", r"\1 is"),
)
_SYMBOLS = (
    (r"%", " percent"),
    (r"°\s*c\b", " degrees celsius"),
    (r"°\s*f\b", " degrees fahrenheit"),
    (r"°", " degrees"),
    (r"&", " and "),
    (r"\$\s*(\d[\d,.]*\d|\d)", r"\1 dollars"),
    (r"€\s*(\d[\d,.]*\d|\d)", r"\1 euros"),
    (r"£\s*(\d[\d,.]*\d|\d)", r"\1 pounds"),
)
_APOSTROPHES = {0x2018: "'", 0x2019: "'"}
_FILLER = re.compile(r"\b(?:hmm|mm|mhm|uh|um)\b")
_BRACKETED = re.compile(r"\[[^\]]*\]|\([^)]*\)|<[^>]*>")
_ORDINAL_NUMBER = re.compile(r"\b(\d+)(?:st|nd|rd|th)\b")
_DECIMAL = re.compile(r"\b(\d+)\.(\d+)\b")
_NUMBER = re.compile(r"\d+")
_NOT_A_WORD = re.compile(r"[^\w\s']|_")


def normalise(text: str) -> str:
    """Lower-case words with single spaces between them; idempotent."""
    text = unicodedata.normalize("NFKC", text).lower().translate(_APOSTROPHES)
    text = _FILLER.sub(" ", _BRACKETED.sub(" ", text))
    for pattern, plain in (*_CONTRACTIONS, *_SYMBOLS):
        text = re.sub(pattern, plain, text)
    text = re.sub(r"(?<=\d),(?=\d{3}\b)", "", text)
    text = _ORDINAL_NUMBER.sub(lambda m: f" {ordinal(int(m[1]))} ", text)
    text = _DECIMAL.sub(lambda m: f" {_integer(m[1])} point {_spelled(m[2])} ", text)
    text = _NUMBER.sub(lambda m: f" {_integer(m[0])} ", text)
    text = _NOT_A_WORD.sub(" ", text)
    words = (word.strip("'") for word in text.split())
    return " ".join(word for word in words if word)


def cardinal(number: int) -> str:
    """``number`` (0 to 10**12 - 1) in words: ``105`` -> ``one hundred five``"""
    if number < 20:
        return _ONES[number]
    if number < 100:
        rest = number % 10
        return _TENS[number // 10] + (f" {_ONES[rest]}" if rest else "")
    for size, name in _SCALES:
        if number >= size:
            head, rest = divmod(number, size)
            return f"{cardinal(head)} {name}" + (f" {cardinal(rest)}" if rest else "")
    raise AssertionError("unreachable: every number from 100 up has a scale")


def ordinal(number: int) -> str:
    """``number`` as an ordinal in words: ``21`` -> ``twenty first``."""
    head, _, last = cardinal(number).rpartition(" ")
    if last in _ORDINALS:
        last = _ORDINALS[last]
    elif last.endswith("y"):
        last = last[:-1] + "ieth"
    else:
        last += "th"
    return f"{head} {last}".strip()


def _integer(digits: str) -> str:
    too_long = len(digits) > 12
    return (
        _spelled(digits)
        if too_long or (digits[0] == "0" and digits != "0")
        else cardinal(int(digits))
    )


def _spelled(digits: str) -> str:
    return " ".join(_ONES[int(digit)] for digit in digits)
