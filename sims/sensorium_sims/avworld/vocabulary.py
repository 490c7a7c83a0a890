"""The words of the world: what things look and sound like, and how an instruction names them."""

from __future__ import annotations

from dataclasses import dataclass

COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (224, 48, 40),
    "green": (48, 184, 64),
    "blue": (56, 88, 232),
    "yellow": (232, 208, 56),
    "purple": (168, 64, 208),
    "white": (232, 232, 232),
}
TYPES = ("box", "ball", "cone", "star", "key")
SOUNDING_TYPES = TYPES[:-1]  # keys are what is carried: they are silent
SOUNDS = (
    "humming", "beeping", "ticking", "buzzing", "ringing", "chirping", "hissing", "rattling",
)  # fmt: skip
STRANGE_SOUNDS = ("whistling", "gurgling", "crackling")
"""Never heard in training: AudioGoal with ``sounds="unheard"``, where no word names them."""
GLUE_WORDS = ("find", "the", "go", "to", "sound", "follow", "bring")
WORDS = (*GLUE_WORDS, *SOUNDS, *COLOURS, *TYPES)
"""Every word an instruction can hold."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a thing looks like."""

    colour: str
    kind: str
    """One of :data:`TYPES`."""

    @property
    def code(self) -> int:
        """1 to 30, for the observation ``carry``; 0 stands for nothing."""
        return 1 + TYPES.index(self.kind) * len(COLOURS) + list(COLOURS).index(self.colour)

    def __str__(self) -> str:
        return f"{self.colour} {self.kind}"


def look_of(code: int) -> Look | None:
    """The look that an observation's ``carry`` stands for; None for 0."""
    if code == 0:
        return None
    kind, colour = divmod(code - 1, len(COLOURS))
    return Look(list(COLOURS)[colour], TYPES[kind])


LOOKS = 1 + len(TYPES) * len(COLOURS)
"""How many values ``carry`` has."""
