"""What a sentence asks to be drawn or changed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

_POLITE = r"^(?:(?:please|now|then|ok(?:ay)?|can you|could you|would you|will you)[ ,]+)*"
_DRAW = re.compile(
    _POLITE + r"(?:(?:draw|paint|sketch)(?: me)?|"
    r"(?:make|create|generate|draw|paint)(?: me)? (?:a |an )?(?:picture|image|drawing|painting) of)"
    r" (?P<prompt>.+)",
    re.IGNORECASE,
)
_EDIT = re.compile(
    _POLITE + r"(?:replace (?P<what>the .+?) (?:with|by)|(?:change|turn|make) (?P<thing>the .+?)"
    r" (?:to|into)) (?P<prompt>.+)",
    re.IGNORECASE,
)
_END = re.compile(r"[\s.!?]*(?:,? please)?[\s.!?]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Asked:
    """``draw`` a ``prompt``, or ``edit``: put it in the place of ``what``."""

    name: Literal["draw", "edit"]
    prompt: str
    what: str = ""


def asked_for(text: str) -> Asked | None:
    """What a sentence asks for; None where it asks for no picture.

    ``draw a red cube``, ``could you make a picture of two rings?``, ``replace the ball with a blue
    star``, ``turn the ring into a moon``.
    """
    said = _END.sub("", text.strip())
    if edit := _EDIT.match(said):
        return Asked("edit", edit["prompt"], edit["what"] or edit["thing"])
    if drawing := _DRAW.match(said):
        return Asked("draw", drawing["prompt"])
    return None
