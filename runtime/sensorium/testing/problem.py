"""One thing that is wrong, in words for the person who will mend it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """What the conformance kit found."""

    where: str
    """The class, or the part of it: ``HotSpots.gives['spots']``."""
    what: str
    """What is wrong."""
    remedy: str
    """What to do about it."""

    def __str__(self) -> str:
        return f"{self.where}: {self.what}. {self.remedy}."
