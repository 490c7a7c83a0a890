"""The bundled scene: pictures, a video and recordings, played to the agent step by step."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from sensorium_models.store import ModelStore

HERE = Path(__file__).parent
STORE = "store:"


class Step(BaseModel):
    """Show something, let something be heard, ask by voice (``ask``) or in writing (``say``)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    show: str = ""
    pace: Literal["fast", "real_time"] = "fast"
    hear: str = ""
    ask: str = ""
    say: str = ""


def steps() -> list[Step]:
    """The scene's steps, in order."""
    table = tomllib.loads((HERE / "scene.toml").read_text(encoding="utf-8"))
    return [Step.model_validate(step) for step in table["steps"]]


def media(name: str) -> Path:
    """The file a step names. Raises :class:`ModelUnavailable` when it is yet to be pulled."""
    if name.startswith(STORE):
        model, _, file = name.removeprefix(STORE).partition("/")
        return ModelStore().path(model, file)
    return HERE / name
