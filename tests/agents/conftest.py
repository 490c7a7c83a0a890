"""The default agent with small deterministic models, and pictures and sounds they understand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image
import pytest
import soundfile

from sensorium.settings import Settings
from sensorium_agents.composition import fed_by_hand, load, plugins_for
from sensorium_agents.conversation import conversation

ROOT = Path(__file__).parents[2]
FAKES = ROOT / "tests" / "data" / "fake_models.py"
MODELS = (
    "voice_activity", "speech_to_text", "object_detection", "face_detection", "image_classes",
    "ocr", "language_model", "text_to_speech",
)  # fmt: skip
# a pseudo-terminal does not answer where its cursor is, and prompt_toolkit would wait for that
QUIET = {"OMP_NUM_THREADS": "1", "PROMPT_TOOLKIT_NO_CPR": "1"}
MAIN = "from sensorium.cli import main; main()"


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    """The default agent's settings with the fake models in place of the real ones."""
    text = (ROOT / "settings.toml").read_text(encoding="utf-8")
    text = re.sub(r"(?ms)^\[models.*?(?=^\[|\Z)", "", text)
    text += f'\n[plugins]\nmodules = ["{FAKES}"]\n'
    text += "".join(f'[models.{name}]\nuse = "fake_{name}"\n' for name in MODELS)
    text = text.replace("out/reply-{n}.wav", str(tmp_path / "reply-{n}.wav"))
    path = tmp_path / "settings.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def compose(settings_file: Path) -> Callable[..., tuple[Settings, Any]]:
    """The agent as commands run it, fed by hand; ``overrides`` change it."""

    def made(overrides: dict[str, Any] | None = None) -> tuple[Settings, Any]:
        changes = {"components": overrides or {}}
        quiet = {"components": {"text_out": {"enabled": False}}}
        plain = load(settings_file, changes)
        plugins = plugins_for(plain)
        return load(settings_file, fed_by_hand(plain, plugins), quiet, changes), plugins

    return made


@pytest.fixture
def talking(compose: Callable[..., Any]) -> Callable[..., Any]:
    """``async with talking() as talk`` runs a conversation; silent unless ``speech`` says else."""

    def made(**components: Any) -> Any:
        settings, plugins = compose({"speech": {"enabled": False}, **components})
        return conversation(settings, plugins)

    return made


@pytest.fixture
def media(tmp_path: Path) -> dict[str, Path]:
    """Files for the fake models."""

    def picture(name: str, *rgb: int) -> Path:
        path = tmp_path / f"{name}.png"
        PIL.Image.new("RGB", (32, 24), rgb).save(path)
        return path

    def sound(name: str, level: float) -> Path:
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, np.full(16_000, level, np.float32), 16_000)
        return path

    return {
        "cat": picture("cat", 200, 0, 0),
        "people": picture("people", 0, 200, 0),
        "sign": picture("sign", 0, 0, 200),
        "broken": picture("broken", 0, 0, 0),
        "question": sound("question", 0.5),
        "remark": sound("remark", 0.25),
        "murmur": sound("murmur", 0.1),
        "silence": sound("silence", 0.0),
    }


@pytest.fixture
def command(tmp_path: Path, settings_file: Path) -> Callable[..., subprocess.Popen[str]]:
    """Start ``sensorium NAME ARGUMENTS`` with the fake models in a process of its own."""

    def start(name: str, *arguments: object, **options: Any) -> subprocess.Popen[str]:
        line = [sys.executable, "-c", MAIN, name, "--settings", settings_file, *arguments]
        pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
        environment = {**os.environ, **QUIET, **options.pop("env", {})}
        return subprocess.Popen(
            [str(word) for word in line], text=True, cwd=tmp_path,
            env=environment, **{**pipes, **options},
        )  # fmt: skip

    return start
