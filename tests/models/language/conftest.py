from __future__ import annotations

from collections.abc import Iterator

import pytest

from sensorium_models.language.llama import LlamaModel


@pytest.fixture(scope="session")
def small_lm() -> Iterator[LlamaModel]:
    """The language model of the store, loaded once (tests that use it are marked ``models``)."""
    model = LlamaModel()
    model.load("cpu")
    yield model
    model.unload()
