from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import PIL.Image
import pytest

PICTURES = Path(__file__).parents[2] / "data" / "pictures"
Picture = Callable[[str], npt.NDArray[np.uint8]]


@pytest.fixture(scope="session")
def picture() -> Picture:
    """Loads a picture of ``tests/data/pictures`` by its stem, as uint8 RGB (H, W, 3)."""

    def load(stem: str) -> npt.NDArray[np.uint8]:
        with PIL.Image.open(PICTURES / f"{stem}.jpg") as opened:
            return np.asarray(opened.convert("RGB"))

    return load
