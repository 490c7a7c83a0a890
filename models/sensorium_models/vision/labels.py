"""Names of the classes that a network numbers."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def read_labels(name: str) -> tuple[str, ...]:
    """The lines of ``<name>_classes.txt`` beside this module, comments (#) left out.

    There are ``imagenet`` (1000 classes) and ``coco`` (80).
    """
    text = files(__package__ or "").joinpath(f"{name}_classes.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if not line.startswith("#"))
