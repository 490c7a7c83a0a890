"""What to say when a library that vision needs is not installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from sensorium.errors import MissingDependency

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def libraries_for(feature: str) -> Iterator[None]:
    """Imports inside raise MissingDependency, with the remedy, in place of ImportError."""
    try:
        yield
    except ModuleNotFoundError as error:
        missing = error.name or str(error)
        remedy = "Run: pip install 'sensorium[vision]'"
        raise MissingDependency(feature, missing, remedy) from error
