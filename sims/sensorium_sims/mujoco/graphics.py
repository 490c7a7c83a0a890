"""Drawing without a screen: which of MuJoCo's ways works on this machine."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from functools import lru_cache
from typing import Any

from sensorium.errors import BadInput, MissingDependency

BACKENDS = ("egl", "osmesa")
"""In the order of trying: EGL draws on a graphics card where there is one."""
VARIABLE = "MUJOCO_GL"
_REMEDY = (
    "Run: sudo apt install libegl1 libopengl0 libgl1-mesa-dri (or libosmesa6);"
    " no screen and no graphics card is needed."
)
_TRY = (
    "import mujoco; model = mujoco.MjModel.from_xml_string('<mujoco/>');"
    "drawing = mujoco.Renderer(model, 16, 16);"
    "data = mujoco.MjData(model); mujoco.mj_forward(model, data);"
    "drawing.update_scene(data); drawing.render(); drawing.close()"
)
_TRY_S = 60.0


def check(environment: str) -> None:
    """Choose how MuJoCo draws, unless the variable MUJOCO_GL says how; before MuJoCo is imported.

    Raises :class:`MissingDependency` when nothing can draw here, with what to install, and
    :class:`BadInput` when the variable names a way that does not work.
    """
    asked = os.environ.get(VARIABLE, "").strip().lower()
    if asked:
        if reason := why_not(asked):
            raise BadInput(
                f"{environment}: {VARIABLE}={asked} cannot draw here ({reason}). Unset it, or set"
                f" it to one of {', '.join(BACKENDS)}."
            )
        return
    reasons = []
    for backend in BACKENDS:
        reason = why_not(backend)
        if not reason:
            os.environ[VARIABLE] = backend
            return
        reasons.append(f"{backend}: {reason}")
    raise MissingDependency(
        f"the camera of {environment}",
        f"OpenGL that draws without a screen ({'; '.join(reasons)})",
        _REMEDY,
    )


def load_mujoco(environment: str) -> Any:
    """The library. Raises :class:`MissingDependency` where it is not installed, and as
    :func:`check` does."""
    try:
        if "mujoco" not in sys.modules:
            check(environment)
        return importlib.import_module("mujoco")
    except ModuleNotFoundError as error:
        raise MissingDependency(
            environment, str(error.name), 'Run: pip install "sensorium[sim]"'
        ) from error


def let_go() -> None:
    """This thread has drawn: another one may draw with the same renderer, or close it."""
    if os.environ.get(VARIABLE, "").strip().lower() == "egl":
        importlib.import_module("OpenGL.EGL").eglReleaseThread()


def renderer(mujoco: Any, model: Any, height: int, width: int) -> Any:
    """A renderer of the library, for one thread at a time (:func:`let_go`).

    Raises :class:`MissingDependency` when it cannot draw.
    """
    try:
        return mujoco.Renderer(model, height, width)
    except Exception as error:
        raise MissingDependency(
            "the camera of a MuJoCo scene",
            f"OpenGL that draws without a screen ({type(error).__name__}: {error})",
            f"{_REMEDY} If MuJoCo was imported before Sensorium, set {VARIABLE}=egl first.",
        ) from error


@lru_cache
def why_not(backend: str) -> str:
    """Why that way of drawing fails here; empty where it works. Tried in a process of its own:
    a library that was loaded for one way cannot change to another."""
    environ = {**os.environ, VARIABLE: backend}
    environ.pop("PYOPENGL_PLATFORM", None)
    try:
        tried = subprocess.run(
            [sys.executable, "-c", _TRY],
            env=environ, capture_output=True, text=True, timeout=_TRY_S, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"did not answer within {_TRY_S:g} s"
    if tried.returncode == 0:
        return ""
    said = tried.stderr.strip().splitlines()
    return said[-1] if said else f"it ended with {tried.returncode}"
