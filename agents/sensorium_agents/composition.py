"""From a settings file to the composition at hand: live, or fed by hand."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sensorium.components import Source
from sensorium.errors import SettingsError
from sensorium.plugins import ErrorAction
from sensorium.plugins.manager import Plugins, load_plugins
from sensorium.settings import Layer, Settings, load_settings, merge
from sensorium_plugins.sources.devices import list_cameras, list_microphones
from sensorium_plugins.sources.microphone import SUFFIXES

log = logging.getLogger("sensorium.agents")

FILE = "settings.toml"
RESTART = ErrorAction.RESTART
LOOKING = ("object_detection", "image_classes", "faces")
STAYS_S = 86_400.0  # seconds that a picture which was shown counts as in view
READING_S = 90.0  # seconds that a question waits for reading: nobody speaks meanwhile
CHECKOUT = Path(__file__).parents[2]


def find_settings(given: Path | None) -> Path:
    """The settings file to use: the one given, ``$SENSORIUM_SETTINGS``, or ``settings.toml``
    here or in the checkout. Raises :class:`SettingsError` when there is none.
    """
    if given is not None:
        return given
    named = os.environ.get("SENSORIUM_SETTINGS")
    if named:
        return Path(named)
    for folder in (Path.cwd(), CHECKOUT):
        if (folder / FILE).is_file():
            return folder / FILE
    raise SettingsError(f"there is no {FILE} here; name one with --settings FILE")


def components_using(settings: Settings, *uses: str) -> Iterator[str]:
    """Names of the enabled components whose class is registered under one of ``uses``."""
    for name, spec in settings.components.items():
        if spec.enabled and (spec.use or name) in uses:
            yield name


def sources(settings: Settings, plugins: Plugins) -> list[str]:
    """Names of the enabled sources, whoever's plugin they are."""
    return [
        name
        for name, spec in settings.components.items()
        if spec.enabled and issubclass(plugins.component(spec.use or name), Source)
    ]


def fed_by_hand(settings: Settings, plugins: Plugins) -> Layer:
    """Overrides that turn live sources off and let files be fed in, none of them losing a sample.

    What was shown stays in view until something else is shown in its place. Speech is remembered
    and not answered by itself: whoever feeds it decides what to ask. What fails for one question
    takes no component, and nothing that it remembers, down.
    """
    live = sources(settings, plugins)
    layer: Layer = {name: {"enabled": False} for name in live}
    for name, spec in settings.components.items():
        if spec.enabled and name not in live and spec.on_error.action is RESTART:
            layer[name] = {"on_error": {"action": "skip"}}
    changes: tuple[tuple[tuple[str, ...], Layer], ...] = (
        (("voice_activity",), {"takes": {"audio": {"policy": "block(256)"}}}),
        (("turns",), {"options": {"answer_speech": False}}),
        (LOOKING, {"takes": {"image": {"policy": "latest"}}}),
        (("world",), {"options": {"forget_s": STAYS_S, "wait_s": READING_S}}),
        (("chat",), {"options": {"in_view_s": STAYS_S}}),
    )
    for uses, change in changes:
        for name in components_using(settings, *uses):
            layer[name] = merge(layer.get(name, {}), change)
    return {"components": layer}


def plugins_for(settings: Settings) -> Plugins:
    """The plugins that ``settings`` name; one that cannot be used is logged."""
    wanted = settings.plugins
    plugins = load_plugins(modules=wanted.modules, disabled=wanted.disabled)
    for failed in plugins.failures:
        log.error("plugin %r (%s) is not in use: %s", failed.name, failed.origin, failed.error)
    return plugins


def without_missing_devices(settings: Settings) -> tuple[Layer, list[str]]:
    """Overrides that turn off cameras and microphones this machine lacks, and why each is off."""
    layer: Layer = {}
    reasons = []
    for use, found in (("camera", list_cameras), ("microphone", list_microphones)):
        for name in components_using(settings, use):
            source = settings.components[name].options.get("source")
            if _is_device(use, source) and not any(device.ok for device in found()):
                layer[name] = {"enabled": False}
                problems = "; ".join(d.problem for d in found() if d.problem)
                reasons.append(f"{name}: {problems or f'no {use} found'}")
    return {"components": layer}, reasons


def load(given: Path | None, *layers: Layer) -> Settings:
    """The settings file with ``layers`` of overrides laid over it."""
    overrides: Layer = {}
    for layer in layers:
        overrides = merge(overrides, layer)
    return load_settings(find_settings(given), overrides=overrides)


def _is_device(use: str, source: Any) -> bool:
    """Whether what a camera or a microphone is to open is a device; None is its default."""
    name = str(source)
    if source is None or name.isdigit():
        return True
    if use == "camera":
        return name.startswith("/dev/")
    return "/" not in name and Path(name).suffix.lower() not in SUFFIXES
