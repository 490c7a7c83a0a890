"""Rendered documents with their whole truth: :func:`sample_page`, :func:`photograph`."""

from __future__ import annotations

from sensorium_sims.world.documents.page import Cell, Field, Page, Region, Table, Word
from sensorium_sims.world.documents.photograph import Photo, photograph
from sensorium_sims.world.documents.sampling import (
    HELD_OUT,
    KINDS,
    TEMPLATES,
    ask_page,
    sample_page,
)

__all__ = [
    "HELD_OUT",
    "KINDS",
    "TEMPLATES",
    "Cell",
    "Field",
    "Page",
    "Photo",
    "Region",
    "Table",
    "Word",
    "ask_page",
    "photograph",
    "sample_page",
]
