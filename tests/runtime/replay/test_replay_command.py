"""``sensorium replay``, on files that ``recorder`` wrote: one digest in every process."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sensorium.plugins import load_plugins
from sensorium.recording.recorder import Recorder
from sensorium.session import Session
from sensorium.settings import load_settings

PLUGIN = """
import numpy as np

from sensorium import Image, Input, Model, Output, Perceiver, Source, Text, hookimpl
from sensorium.delivery import DeliveryPolicy


class Mean(Model):
    def load(self, device):
        pass

    def infer(self, batch):
        return [{"mean": float(request["image"].mean()), "row": request["image"][0]}
                for request in batch]


class Camera(Source):
    gives = {"image": Output("camera/{name}/image", Image)}

    async def run(self, emit):
        random = np.random.default_rng(self.context.seed)
        for _ in range(30):
            await emit(Image(random.integers(0, 255, (24, 32, 3), np.uint8)))
            await self.context.clock.sleep(0.002)


class Bright(Perceiver):
    takes = {"image": Input("camera/+/image", Image, DeliveryPolicy.latest())}
    gives = {"text": Output("bright", Text)}

    async def process(self, event, emit):
        found = await self.model("mean").infer({"image": event.payload.data})
        words = {"dark", "bright", "dim", "grey"}  # its order depends on the hash seed
        await emit(Text(f"{found['mean']:.3f} {len(words)} EXTRA{found['row'].sum()}"))


@hookimpl
def sensorium_register_sources(registry):
    registry.add("camera_of_test", Camera)


@hookimpl
def sensorium_register_perceivers(registry):
    registry.add("bright", Bright)


@hookimpl
def sensorium_register_models(registry):
    registry.add("mean", Mean)
"""


async def record(folder: Path) -> Path:
    plugin, file = folder / "plugin.py", folder / "session.mcap"
    plugin.write_text(PLUGIN)
    layer = {
        "plugins": {"modules": [str(plugin)]},
        "components": {
            "camera": {"use": "camera_of_test"},
            "bright": {},
            "recorder": {"options": {"path": str(file)}},
        },
    }
    settings = load_settings(environ={}, overrides=layer)
    plugins = load_plugins(modules=settings.plugins.modules)
    if not plugins.has_component("recorder"):
        plugins.kinds["sink"].add("recorder", Recorder)
    async with Session(settings, plugins) as session:
        await session.wait()
    return file


def replay(file: Path, *arguments: str, seed: int = 0) -> subprocess.CompletedProcess[str]:
    script = Path(sys.executable).with_name("sensorium")
    return subprocess.run(
        [script, "replay", str(file), *arguments],
        env={**os.environ, "PYTHONHASHSEED": str(seed)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def result_of(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    result: dict[str, Any] = json.loads(done.stdout)
    return result


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return asyncio.run(record(tmp_path_factory.mktemp("replay")))


def test_processes_with_other_hash_seeds_give_one_digest(file: Path) -> None:
    runs = [replay(file, "--json", seed=seed) for seed in (1, 2)]
    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    results = [result_of(run) for run in runs]
    assert {result["digest"] for result in results} == {results[0]["digest"]}
    assert results[0]["events"] > 30
    assert results[0]["divergence"] is None
    assert results[0]["speedup"] > 0
    assert set(results[0]) == {"digest", "events", "duration_s", "speedup", "divergence"}
    again = result_of(replay(file, "--json", "--recompute", "all"))
    assert again["digest"] == results[0]["digest"]


def test_a_person_reads_what_came_of_it(file: Path) -> None:
    done = replay(file)
    assert done.returncode == 0
    assert "the same to the last byte" in done.stdout


def test_a_changed_plugin_is_noted_and_its_first_difference_shown(file: Path) -> None:
    plugin = file.with_name("plugin.py")
    plugin.write_text(PLUGIN.replace("EXTRA", "extra"))
    try:
        done = replay(file, "--json")
        shown = replay(file)
    finally:
        plugin.write_text(PLUGIN)
    assert done.returncode == shown.returncode == 1
    assert "plugin plugin has changed" in done.stderr
    found = result_of(done)["divergence"]
    assert (found["kind"], found["where"].split()[0]) == ("changed", "bright")
    assert "EXTRA" in found["recorded"]["fields"]["text"]
    assert "extra" in found["replayed"]["fields"]["text"]
    assert "recorded" in shown.stdout
    assert "EXTRA" in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--recompute", "nobody"], "no model named 'nobody'"),
        (["--speed", "0"], "neither max nor a positive number"),
        (["--settings", "nowhere.toml"], "nowhere.toml does not exist"),
    ],
)
def test_what_makes_no_sense_is_named(file: Path, arguments: list[str], words: str) -> None:
    done = replay(file, *arguments)
    assert done.returncode in (1, 2)
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


def test_a_file_that_is_missing_or_no_recording_is_named(tmp_path: Path) -> None:
    missing = replay(tmp_path / "nothing.mcap")
    assert missing.returncode == 1
    assert "nothing.mcap cannot be read" in missing.stderr
    (tmp_path / "text.mcap").write_text("hello")
    other = replay(tmp_path / "text.mcap")
    assert other.returncode == 1
    assert "text.mcap" in other.stderr


def test_a_recording_that_was_cut_off_is_played_to_its_last_chunk(
    file: Path, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.mcap"
    data = file.read_bytes()
    cut.write_bytes(data[: len(data) - 400])
    done = replay(cut, "--json")
    assert "it was cut off" in done.stderr
    assert done.returncode == 0, done.stdout
    assert result_of(done)["divergence"] is None
