"""Warming up: after loading, before the first answer, wherever the model runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pytest

from sensorium.errors import ModelError
from sensorium.plugins import load_plugins
from sensorium.settings import load_settings
from sensorium.workers import Hosted, InProcessExecutor
from sensorium.workers.pool import PoolExecutor, PoolModel, PoolOptions

if TYPE_CHECKING:
    from sensorium.workers import Executor

SETTINGS = Path(__file__).parents[3] / "settings.toml"
PLUGIN = '''
from sensorium import hookimpl
from sensorium.workers import Model, ModelOptions


class Diary(Model):
    """Answers with what was done to it."""

    class Options(ModelOptions):
        cold: bool = False

    def load(self, device):
        self.done = ["load"]

    def warm_up(self):
        self.done.append("warm up")
        if self.options.cold:
            raise ValueError("it stays cold")

    def infer(self, batch):
        return [self.done for _ in batch]


@hookimpl
def sensorium_register_models(registry):
    registry.add("diary", Diary)
'''


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    path = tmp_path / "diary.py"
    path.write_text(PLUGIN)
    return str(path)


def hosted(plugin: str, placement: Any) -> Executor:
    if placement == "worker":
        models = {
            "fine": PoolModel(use="diary"),
            "cold": PoolModel(use="diary", options={"cold": True}),
        }
        options = PoolOptions(devices=("cpu",), installed=False, modules=(plugin,), spare="none")
        return PoolExecutor(models, options)
    kind: Any = load_plugins(installed=False, modules=[plugin]).models.get("diary")
    return InProcessExecutor(
        {
            "fine": Hosted(kind, placement),
            "cold": Hosted(lambda: kind(kind.Options(cold=True)), placement),
        }
    )


@pytest.mark.parametrize("placement", ["inline", "thread", "worker"])
async def test_a_model_is_warmed_up_once_before_its_first_answer(
    plugin: str, placement: Literal["inline", "thread", "worker"]
) -> None:
    executor = hosted(plugin, placement)
    try:
        assert await executor.infer("fine", 1) == ["load", "warm up"]
        assert await executor.infer("fine", 2) == ["load", "warm up"]
        with pytest.raises(ModelError, match="it stays cold"):
            await executor.load("cold")
        assert executor.loaded == ["fine"]
    finally:
        await executor.close()


def test_the_default_settings_keep_every_bundled_network_off_the_event_loop() -> None:
    settings = load_settings(SETTINGS, environ={})
    workers = settings.workers.worker_names()
    placed = {name: spec for name, spec in settings.models.items() if spec.placement == "worker"}
    assert set(placed) >= {
        "speech_to_text", "object_detection", "image_classes", "face_detection", "ocr",
        "language_model", "text_to_speech",
    }  # fmt: skip
    for spec in placed.values():
        assert spec.workers
        assert set(spec.workers) <= set(workers)
