"""Suites: tables of environments and agents, beside what was published. Each is a TOML file here.

A file holds ``title``, ``about``, ``episodes`` (of each row), ``agents`` (the names of planners and
what kind each is, printed with its results), and ``rows``::

    [[rows]]
    task = "GoToLocal"
    env = "BabyAI-GoToLocal-v0"
    published = [{ who = "imitation, 1 M demonstrations (BabyAI 1.0)", success = 99.8 }]

A row may have its own ``agents`` (a list of names) and ``episodes``, ``options`` for the
environment's class, ``max_steps``, sensors that are ``unplugged``, and ``settings`` that lie over
the agent's. ``overall = true`` in the
file adds the mean over tasks of each agent, ``overall_published`` stands beside it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sensorium.errors import SettingsError, UnknownName

FOLDER = Path(__file__).parent
ADDING = "A suite is a .toml file: name its path, or put it into sensorium_sims/suites."


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Published(_Table):
    """A result that somebody else published."""

    who: str
    success: float = Field(ge=0, le=100)
    """Percent."""
    plus_minus: float | None = None
    """As published: a standard error, as a rule."""
    remark: str = ""


class Row(_Table):
    """One environment of a suite."""

    task: str
    env: str
    options: dict[str, Any] = {}
    max_steps: int | None = Field(None, ge=1)
    unplugged: tuple[str, ...] = ()
    settings: dict[str, Any] = {}
    """Tables that lie over the agent's settings: other weights of a model, say."""
    agents: tuple[str, ...] = ()
    """Of this row alone; the suite's, if there are none."""
    episodes: int | None = Field(None, ge=1)
    published: tuple[Published, ...] = ()


class Suite(_Table):
    """A table to be filled."""

    name: str
    title: str
    about: str = ""
    episodes: int = Field(ge=1)
    agents: dict[str, str]
    """By name, what kind of agent it is: trained, zero-shot, privileged …"""
    rows: tuple[Row, ...]
    overall: bool = False
    overall_published: tuple[Published, ...] = ()

    def only(self, tasks: Sequence[str]) -> Suite:
        """The rows of these tasks. Raises :class:`UnknownName` with those there are."""
        known = [row.task for row in self.rows]
        for task in tasks:
            if task not in known:
                raise UnknownName(f"task in suite {self.name}", task, known, "")
        return self.model_copy(
            update={"rows": tuple(row for row in self.rows if row.task in tasks)}
        )


def suite_names() -> list[str]:
    """The suites that come with Sensorium."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def load_suite(name: str) -> Suite:
    """The suite of that name, or of a TOML file.

    Raises :class:`UnknownName` with those there are, :class:`SettingsError` naming what is wrong
    in the file.
    """
    path = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    if not path.is_file():
        raise UnknownName("suite", name, suite_names(), ADDING)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
        return Suite.model_validate({"name": path.stem} | tables)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"suite {path} is no TOML: {error}") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise SettingsError(f"suite {path}: {key}: {first['msg']}", key=key) from error
