"""Vectors of pictures and texts, and what is no picture and no text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sensorium.errors import BadInput, ModelError
from sensorium_models.clip.model import Clip, ClipOptions

PICTURE = np.full((50, 80, 3), 128, np.uint8)


@pytest.fixture(scope="module")
def clip(untrained: Path) -> Clip:
    model = Clip(ClipOptions(weights=str(untrained)))
    model.load("cpu")
    model.warm_up()
    return model


def test_a_mixed_batch_is_answered_in_its_order(clip: Clip) -> None:
    requests: list[Any] = [{"text": "a red star"}, {"image": PICTURE}, {"text": "two blue hearts"}]
    together = clip.infer(requests)
    alone = [clip.infer([request])[0] for request in requests]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one["embedding"], other["embedding"], atol=1e-5)
        assert np.linalg.norm(one["embedding"]) == pytest.approx(1, abs=1e-5)
        assert one["scale"] == pytest.approx(14.29, abs=0.01)  # 1 / 0.07, where learning begins
    assert clip.infer([]) == []


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        ({"text": "  "}, "empty text"),
        ({"text": 3}, "as str, not int"),
        ({"text": "a red dragon and a wolf"}, "does not know 'dragon', 'wolf'"),
        ({"text": "красная звезда"}, "does not know 'красная', 'звезда'"),
        ({"text": "赤い星"}, "does not know"),
        ({"text": "a red star " * 20}, "of 62 tokens; this CLIP reads 40"),
        ({"image": np.zeros((9, 9, 4), np.uint8)}, "drop an alpha channel"),
        ({"image": np.zeros((9, 9, 3), np.uint16)}, "got uint16"),
        ({"image": np.zeros((9, 9), np.uint8)}, "repeat a grey channel"),
        ({"image": np.zeros((0, 9, 3), np.uint8)}, "expected an image"),
        ({}, "give 'image' or 'text'"),
        ({"image": PICTURE, "text": "a star"}, "give 'image' or 'text'"),
    ],
)
def test_bad_input_is_named(clip: Clip, request_: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        clip.infer([request_])


def test_it_must_be_loaded_first(untrained: Path) -> None:
    model = Clip(ClipOptions(weights=str(untrained)))
    with pytest.raises(ModelError, match="load"):
        model.infer([{"text": "a star"}])
