"""From a settings file to the composition at hand: live, or fed by hand."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sensorium_plugins.sources.devices import list_cameras, list_microphones

from sensorium.components import Source
from sensorium.errors import SettingsError
from sensorium.plugins.manager import Plugins
from sensorium.settings import Layer, Settings, load_settings, merge

FILE = "settings.toml"
STAYS_S = 86_400.0  # seconds that a picture which was shown counts as in view
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


def fed_by_hand(settings: Settings, plugins: Plugins) -> Layer:
    """Overrides that turn live sources off and let files be fed in, none of them losing a sample.

    What was shown stays in view until something else is shown in its place. Speech is remembered
    and not answered by itself: whoever feeds it decides what to ask.
    """
    layer: Layer = {}
    for name, spec in settings.components.items():
        if spec.enabled and issubclass(plugins.component(spec.use or name), Source):
            layer[name] = {"enabled": False}
    for name in components_using(settings, "voice_activity"):
        layer[name] = {"takes": {"audio": {"policy": "block(256)"}}}
    for name in components_using(settings, "turns"):
        layer[name] = {"options": {"answer_speech": False}}
    for name in components_using(settings, "object_detection", "image_classes", "faces"):
        layer[name] = {"takes": {"image": {"policy": "latest"}}}
    for name in components_using(settings, "world"):
        layer[name] = {"options": {"forget_s": STAYS_S}}
    for name in components_using(settings, "chat"):
        layer[name] = {"options": {"in_view_s": STAYS_S}}
    return {"components": layer}


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
    if use == "camera":
        return isinstance(source, int) or str(source).startswith("/dev/")
    return not Path(str(source)).suffix
