"""CLIP in a worker process, under an agent's perceiver."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions
from sensorium_models.clip.model import Clip, ClipOptions

PLUGIN = """
from sensorium import hookimpl


@hookimpl
def sensorium_register_models(registry):
    registry.add("hosted_clip", "sensorium_models.clip.model:Clip")
"""


async def test_a_worker_answers_as_the_model_does_and_names_bad_input(
    untrained: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "hosts_clip.py"
    plugin.write_text(PLUGIN)
    hosted = {"clip": PoolModel(use="hosted_clip", options={"weights": str(untrained)})}
    chosen = PoolOptions(
        installed=False, modules=(str(plugin),), devices=("cpu",), spare="none", threads=1
    )
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    inline = Clip(ClipOptions(weights=str(untrained)))
    inline.load("cpu")
    async with PoolExecutor(hosted, chosen) as pool:
        for request in ({"image": image}, {"text": "a red star"}):
            (expected,) = inline.infer([request])  # type: ignore[list-item]
            found = await pool.infer("clip", request)
            np.testing.assert_allclose(found["embedding"], expected["embedding"], atol=1e-5)
        with pytest.raises(BadInput, match="does not know 'dragon'"):
            await pool.infer("clip", {"text": "a red dragon"})
