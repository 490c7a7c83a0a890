from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_models.text.embedding import TextEmbedding

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def embedder() -> TextEmbedding:
    model = TextEmbedding()
    model.load("cpu")
    return model


def vectors(model: TextEmbedding, *texts: str) -> np.ndarray:
    return np.stack([answer["embedding"] for answer in model.infer([{"text": t} for t in texts])])


def test_near_meanings_have_near_vectors(embedder: TextEmbedding) -> None:
    cat, kitten, stock = vectors(embedder, "a cat", "a kitten", "the stock market fell")
    assert cat @ kitten > 0.6
    assert cat @ stock < 0.2


def test_vectors_have_unit_length_and_padding_changes_nothing(embedder: TextEmbedding) -> None:
    short, long = "a cat", "a long sentence about many things that happened in the garden"
    batch = vectors(embedder, short, long)
    assert batch.shape == (2, 384)
    assert batch.dtype == np.float32
    assert np.allclose(np.linalg.norm(batch, axis=1), 1.0, atol=1e-5)
    assert np.allclose(batch[0], vectors(embedder, short)[0], atol=1e-5)


def test_a_text_without_words_is_near_to_nothing(embedder: TextEmbedding) -> None:
    empty, cat = vectors(embedder, " ", "a cat")
    assert not empty.any()
    assert cat.any()
    assert embedder.infer([]) == []


def test_very_long_text_is_cut_not_refused(embedder: TextEmbedding) -> None:
    assert np.isfinite(vectors(embedder, "cat " * 5000)).all()


def test_text_must_be_a_string(embedder: TextEmbedding) -> None:
    with pytest.raises(BadInput, match="takes a str, got NoneType"):
        embedder.infer([{"text": None}])  # type: ignore[typeddict-item]
