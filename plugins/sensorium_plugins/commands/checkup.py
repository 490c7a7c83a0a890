"""The checks of ``sensorium doctor``. None of them imports a heavy library or opens a device."""

from __future__ import annotations

import ctypes.util
import locale
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from sensorium import __version__
from sensorium.errors import SensoriumError
from sensorium.plugins import load_plugins
from sensorium.settings import load_settings
from sensorium_models.store import ModelStore, State
from sensorium_models.store.store import default_root
from sensorium_plugins.sources import devices

MIN_PYTHON = (3, 11)
BYTES_PER_GIB = 1 << 30
MIN_FREE_BYTES = BYTES_PER_GIB
"""Room for the default models and what an agent writes."""
CHECKOUT = Path(__file__).parents[3]

EXTRAS = {
    "vision": ("torch", "cv2", "onnxruntime", "rapidocr", "ai_edge_litert", "PIL"),
    "audio": ("faster_whisper", "hibari", "onnxruntime", "soundfile", "sounddevice"),
    "language": ("xllamacpp", "transformers", "openai"),
    "mqtt": ("aiomqtt",),
}
NEEDED_EXTRAS = ("vision", "audio", "language")
"""What the default agent is made of."""


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    NOTE = "note"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report; ``remedy`` says what to do, where there is something to do."""

    subject: str
    level: Level
    detail: str
    remedy: str = ""


def python() -> Iterator[Finding]:
    """The interpreter."""
    detail = f"{platform.python_implementation()} {platform.python_version()}, {sys.executable}"
    if sys.version_info >= MIN_PYTHON:
        yield Finding("Python", Level.OK, detail)
    else:
        wanted = ".".join(map(str, MIN_PYTHON))
        yield Finding("Python", Level.PROBLEM, detail, f"Install Python {wanted} or newer.")


def sensorium() -> Iterator[Finding]:
    """This package."""
    spec = find_spec("sensorium")
    where = Path(spec.origin).parent if spec and spec.origin else "an unknown place"
    yield Finding("Sensorium", Level.OK, f"{__version__}, {where}")


def extras() -> Iterator[Finding]:
    """Optional libraries, found without importing them."""
    for extra, modules in EXTRAS.items():
        absent = [module for module in modules if not _importable(module)]
        subject = f"extra {extra}"
        if not absent:
            yield Finding(subject, Level.OK, ", ".join(modules))
            continue
        level = Level.PROBLEM if extra in NEEDED_EXTRAS else Level.NOTE
        remedy = f'Run: pip install "sensorium[{extra}]"'
        yield Finding(subject, level, f"not installed: {', '.join(absent)}", remedy)


def portaudio() -> Iterator[Finding]:
    """The system library behind microphone and speaker; some wheels bring their own."""
    found = ctypes.util.find_library("portaudio")
    if found:
        yield Finding("PortAudio", Level.OK, found)
    elif _importable("_sounddevice_data"):
        yield Finding("PortAudio", Level.OK, "part of the package sounddevice")
    else:
        remedy = "On Debian and Ubuntu run: sudo apt install libportaudio2"
        detail = "not installed: no live microphone or speaker"
        yield Finding("PortAudio", Level.NOTE, detail, remedy)


def hardware() -> Iterator[Finding]:
    """Cameras, microphones and speakers: the agent runs without any."""
    for subject, found in (
        ("camera", devices.list_cameras()),
        ("microphone", devices.list_microphones()),
        ("speaker", devices.list_speakers()),
    ):
        for device in found:
            known = f" ({device.identifier})" if device.identifier else ""
            problem = f": {device.problem}" if device.problem else ""
            detail = device.name + known + problem if device.identifier else device.problem
            yield Finding(subject, Level.OK if device.ok else Level.NOTE, detail, device.remedy)


def gpu() -> Iterator[Finding]:
    """Graphics processors, by the driver's device nodes: asking torch would import it."""
    nodes = sorted(node.name for node in Path("/dev").glob("nvidia[0-9]*"))
    if not nodes:
        yield Finding("GPU", Level.OK, "none found: models run on the processor")
    elif _torch_has_cuda():
        yield Finding("GPU", Level.OK, f'{", ".join(nodes)}: device = "cuda:0" uses it')
    else:
        yield Finding(
            "GPU",
            Level.NOTE,
            f"{', '.join(nodes)}, but the torch installed here is built for the processor only",
            "Install torch with CUDA: see pytorch.org/get-started",
        )


def models() -> Iterator[Finding]:
    """The weights in the store, by presence and size."""
    try:
        store = ModelStore()
    except SensoriumError as error:
        yield Finding("models", Level.PROBLEM, str(error), "Correct that variable.")
        return
    for entry in store.entries():
        state = store.status(entry.name)
        subject = f"model {entry.name}"
        remedy = f"Run: sensorium models pull {entry.name}"
        if state is State.OK:
            yield Finding(subject, Level.OK, entry.task)
        elif entry.default:
            if entry.source != "carrier":
                remedy = "Run: sensorium models pull, which says what mends it."
            yield Finding(subject, Level.PROBLEM, f"{entry.task}: {state}", remedy)
        else:
            detail = f"{entry.task}: {state}, and the default agent does not use it"
            yield Finding(subject, Level.OK if state is State.MISSING else Level.NOTE, detail)


def plugins() -> Iterator[Finding]:
    """Everything that announces itself as a plugin."""
    for plugin in load_plugins().loaded:
        subject = f"plugin {plugin.name}"
        if not plugin.error:
            yield Finding(subject, Level.OK, plugin.origin)
            continue
        own = plugin.origin.startswith("sensorium ")
        remedy = "Update or uninstall it, or name it in the settings: [plugins] disabled."
        yield Finding(subject, Level.PROBLEM if own else Level.NOTE, plugin.error, remedy)


def settings() -> Iterator[Finding]:
    """The settings file that ``sensorium run`` would read here, and the environment."""
    named = os.environ.get("SENSORIUM_SETTINGS")
    places = [Path(named)] if named else [Path.cwd() / "settings.toml", CHECKOUT / "settings.toml"]
    path = next((place for place in places if place.is_file()), places[0])
    try:
        found = load_settings(path)
    except SensoriumError as error:
        remedy = "Correct it, or name another file: sensorium run --settings FILE"
        yield Finding("settings", Level.PROBLEM, str(error), remedy)
        return
    enabled = sum(component.enabled for component in found.components.values())
    yield Finding("settings", Level.OK, f"{path}: {enabled} components")


def disk() -> Iterator[Finding]:
    """Room where models are kept and where replies are written."""
    for subject, folder in (("disk, models", default_root()), ("disk, here", Path.cwd())):
        there = next(path for path in (folder, *folder.parents) if path.exists())
        free = shutil.disk_usage(there).free
        detail = f"{free / BYTES_PER_GIB:.1f} GiB free at {there}"
        if free >= MIN_FREE_BYTES:
            yield Finding(subject, Level.OK, detail)
        else:
            remedy = "Make room; SENSORIUM_MODELS names another folder for models."
            yield Finding(subject, Level.NOTE, detail, remedy)


def terminal() -> Iterator[Finding]:
    """Whether the console can show what the agent writes."""
    encoding = (getattr(sys.stdout, "encoding", None) or locale.getpreferredencoding()).lower()
    kind = "a terminal" if sys.stdout.isatty() else "not a terminal"
    if encoding.replace("-", "") == "utf8":
        yield Finding("console", Level.OK, f"{kind}, {encoding}")
    else:
        remedy = "Set PYTHONUTF8=1, or a UTF-8 locale."
        yield Finding("console", Level.NOTE, f"{kind}, {encoding}: some letters may fail", remedy)


def _importable(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except (ImportError, ValueError):  # a half-removed package, or one without a spec
        return False


def _torch_has_cuda() -> bool:
    """By the file that torch writes at build time, which imports nothing."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return False
    values: dict[str, str] = {}
    version = Path(spec.origin).with_name("version.py")
    for line in version.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        values[name.partition(":")[0].strip()] = value.strip()
    return values.get("cuda", "None") != "None"


CHECKS: list[tuple[str, Callable[[], Iterator[Finding]]]] = [
    ("Python", python),
    ("Sensorium", sensorium),
    ("extras", extras),
    ("models", models),
    ("plugins", plugins),
    ("settings", settings),
    ("PortAudio", portaudio),
    ("devices", hardware),
    ("GPU", gpu),
    ("disk", disk),
    ("console", terminal),
]
