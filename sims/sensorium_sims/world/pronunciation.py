"""The words of spoken commands, how they sound, and what a mouth does for each sound.

The commands are sentences of the GRID corpus (Cooke et al., 2006): six slots, 51 words. The
visemes are 15 classes; sounds of one class look alike on the lips, as p, b and m do.
"""

# ruff: noqa: RUF001 - IPA is meant to look like Latin
from __future__ import annotations

import re
from typing import Literal, get_args

from sensorium.errors import BadInput
from sensorium_sims.world.sampling import Rng

COMMAND_SLOTS: tuple[tuple[str, ...], ...] = (
    ("bin", "lay", "place", "set"),
    ("blue", "green", "red", "white"),
    ("at", "by", "in", "with"),
    tuple("abcdefghijklmnopqrstuvxyz"),
    ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
    ("again", "now", "please", "soon"),
)
COMMAND_WORDS: tuple[str, ...] = tuple(word for slot in COMMAND_SLOTS for word in slot)
"""All 51."""

Viseme = Literal[
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou"
]
VISEMES: tuple[Viseme, ...] = get_args(Viseme)

_LEXICON = {
    "bin": "B IH N", "lay": "L EY", "place": "P L EY S", "set": "S EH T",
    "blue": "B L UW", "green": "G R IY N", "red": "R EH D", "white": "W AY T",
    "at": "AE T", "by": "B AY", "in": "IH N", "with": "W IH DH",
    "a": "EY", "b": "B IY", "c": "S IY", "d": "D IY", "e": "IY", "f": "EH F", "g": "JH IY",
    "h": "EY CH", "i": "AY", "j": "JH EY", "k": "K EY", "l": "EH L", "m": "EH M", "n": "EH N",
    "o": "OW", "p": "P IY", "q": "K Y UW", "r": "AA R", "s": "EH S", "t": "T IY", "u": "Y UW",
    "v": "V IY", "x": "EH K S", "y": "W AY", "z": "Z IY",
    "zero": "Z IH R OW", "one": "W AH N", "two": "T UW", "three": "TH R IY", "four": "F AO R",
    "five": "F AY V", "six": "S IH K S", "seven": "S EH V AH N", "eight": "EY T", "nine": "N AY N",
    "again": "AH G EH N", "now": "N AW", "please": "P L IY Z", "soon": "S UW N",
}  # fmt: skip

# ARPAbet, and the IPA that common synthesisers give.
_SOUNDS: dict[Viseme, str] = {
    "sil": "SIL SP",
    "PP": "P B M p b m",
    "FF": "F V f v",
    "TH": "TH DH θ ð",
    "DD": "T D t d ɾ",
    "kk": "K G NG HH k g ɡ ŋ h",
    "CH": "CH JH SH ZH ʃ ʒ ʧ ʤ tʃ dʒ",
    "SS": "S Z s z",
    "nn": "N L n l",
    "RR": "R ER r ɹ ɜ ɚ ɝ",
    "aa": "AA AE AH AY AW a ɑ æ ʌ ɐ aɪ aʊ",
    "E": "EH EY e ɛ ə eɪ",
    "ih": "IH IY Y i ɪ j y",
    "oh": "AO OW OY o ɔ ɒ oʊ əʊ ɔɪ",
    "ou": "UW UH W u ʊ w",
}
_VISEME_OF = {symbol: viseme for viseme, line in _SOUNDS.items() for symbol in line.split()}
_VOWELS = frozenset(("aa", "E", "ih", "oh", "ou"))
_LETTERS = {
    "tion": "SH AH N", "ee": "IY", "ea": "IY", "oo": "UW", "ow": "OW", "ou": "AW", "ai": "EY",
    "ay": "EY", "igh": "AY", "th": "TH", "sh": "SH", "ch": "CH", "ck": "K", "ng": "NG", "ph": "F",
    "qu": "K W", "wh": "W", "ll": "L", "tt": "T", "rr": "R",
    "a": "AE", "b": "B", "c": "K", "d": "D", "e": "EH", "f": "F", "g": "G", "h": "HH", "i": "IH",
    "j": "JH", "k": "K", "l": "L", "m": "M", "n": "N", "o": "AA", "p": "P", "q": "K", "r": "R",
    "s": "S", "t": "T", "u": "AH", "v": "V", "w": "W", "x": "K S", "y": "IY", "z": "Z",
}  # fmt: skip
_CHUNK = re.compile("|".join(sorted(_LETTERS, key=len, reverse=True)))


def sample_command(rng: Rng) -> str:
    """One sentence: ``place red at f nine now``."""
    return " ".join(slot[int(rng.integers(len(slot)))] for slot in COMMAND_SLOTS)


def phones_of(word: str) -> tuple[str, ...]:
    """ARPAbet phones of a word: exact for the commands' words, by spelling for any other."""
    plain = word.lower().strip(".,;:!?'\"")
    if plain in _LEXICON:
        return tuple(_LEXICON[plain].split())
    spelt = plain[:-1] if len(plain) > 3 and plain.endswith("e") else plain
    return tuple(phone for part in _CHUNK.findall(spelt) for phone in _LETTERS[part].split())


def viseme_of(phone: str) -> Viseme:
    """The viseme of a phone in ARPAbet (stress digits allowed) or IPA (length marks allowed)."""
    bare = phone.strip("ˈˌː012")
    viseme = _VISEME_OF.get(bare) or _VISEME_OF.get(bare[:1])
    if viseme is None:
        raise BadInput(f"no viseme is known for the phone {phone!r}")
    return viseme


def length_of(phone: str) -> float:
    """How long a phone usually is beside others: vowels are longer than stops."""
    viseme = viseme_of(phone)
    return 1.6 if viseme in _VOWELS else 0.7 if viseme in ("PP", "DD", "kk") else 1.0
