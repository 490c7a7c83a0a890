"""``sensorium train multimodal`` and ``evaluate multimodal``, and the model in a worker."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from sensorium.errors import BadInput, ModelUnavailable
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions
from sensorium_agents.commands.evaluate import evaluate
from sensorium_agents.commands.train import train
from sensorium_models.multimodal import learning, report, teaching
from sensorium_models.multimodal.model import Multimodal, MultimodalOptions

PLUGIN = """
from sensorium import hookimpl


@hookimpl
def sensorium_register_models(registry):
    registry.add("hosted_multimodal", "sensorium_models.multimodal.model:Multimodal")
"""
FEW = ["--steps", "10", "--warm-steps", "10", "--pictures", "16", "--minutes", "0.001"]


def test_a_run_trains_measures_and_writes_its_card(
    language: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teaching, "LANGUAGE", str(language))
    monkeypatch.setattr(teaching, "VALIDATION", 8)
    monkeypatch.setattr(learning, "VALIDATION", 8)
    monkeypatch.setattr(report, "PICTURES", 24)
    monkeypatch.setattr(teaching, "OF_EACH", 2)
    out = tmp_path / "out"
    done = CliRunner().invoke(
        train, ["multimodal", *FEW, "--out", str(out), "--json"], catch_exceptions=False
    )
    found = json.loads(done.stdout)
    assert found["text_only"]["same_parameters"]
    assert found["text_only"]["with"] == pytest.approx(found["text_only"]["without"], rel=1e-3)
    shares = [row for row in found["rows"] if "commonest answer" in row["note"]]
    assert len(shares) == 2 * (8 + 5)
    assert all("another picture" in row["note"] for row in shares)
    card = (out / "multimodal-world.md").read_text()
    assert "sensorium train multimodal --steps 10" in card
    assert (out / "multimodal-world" / "model.safetensors").stat().st_size < 4_194_304
    assert (out / "curves.png").exists()
    again = CliRunner().invoke(
        evaluate,
        ["multimodal", "--weights", str(out / "multimodal-world"), "--turns", "5"],
        catch_exceptions=False,
    )
    assert "perplexity of a text" in again.stdout
    assert "same parameters to the bit: yes" in again.stdout


def test_a_published_checkpoint_is_not_measured_as_ours(llava: Path) -> None:
    with pytest.raises(ModelUnavailable, match="none of `sensorium train multimodal`"):
        CliRunner().invoke(
            evaluate, ["multimodal", "--weights", str(llava)], catch_exceptions=False
        )


async def test_a_worker_streams_as_the_model_does_and_names_bad_input(
    ours: Path, tmp_path: Path
) -> None:
    plugin = tmp_path / "hosts_multimodal.py"
    plugin.write_text(PLUGIN)
    hosted = {"sees": PoolModel(use="hosted_multimodal", options={"weights": str(ours)})}
    chosen = PoolOptions(
        installed=False, modules=(str(plugin),), devices=("cpu",), spare="none", threads=1
    )
    image = np.random.default_rng(0).integers(0, 255, (480, 640, 3), np.uint8)
    request = {"messages": [{"role": "user", "content": "what is it?"}], "images": [image],
               "max_tokens": 8}  # fmt: skip
    inline = Multimodal(MultimodalOptions(weights=str(ours)))
    inline.load("cpu")
    async with PoolExecutor(hosted, chosen) as pool:
        said = [part["text"] async for part in pool.stream("sees", request)]
        assert said == [part["text"] for part in inline.stream(request)]
        with pytest.raises(BadInput, match="3 pictures"):
            await pool.infer("sees", request | {"images": [image] * 3})
