"""Sensorium: a runtime for agents that see, hear, read and act.

Everything a plugin or a program needs is importable from here. Names are loaded when first used,
so ``import sensorium`` is quick and brings no heavy library.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sensorium.bus import EventBus, Subscription, SubscriptionStatistics
    from sensorium.clocks import Clock, VirtualClock, WallClock
    from sensorium.components import (
        Actuator,
        Component,
        ComponentOptions,
        Context,
        Emit,
        Fuser,
        Input,
        Output,
        Perceiver,
        Planner,
        Sink,
        Source,
    )
    from sensorium.delivery import DeliveryPolicy, DropReason, EventClass
    from sensorium.errors import SensoriumError
    from sensorium.events import Event
    from sensorium.payloads import (
        Array,
        Audio,
        Image,
        Payload,
        PayloadRegistry,
        Shed,
        Text,
        payload,
    )
    from sensorium.plugins import ErrorAction, Plugins, Registry, hookimpl, load_plugins
    from sensorium.session import Session
    from sensorium.settings import Settings, load_settings
    from sensorium.workers import Executor, Model, ModelHandle, ModelOptions

_HOMES = {
    "sensorium.bus": ("EventBus", "Subscription", "SubscriptionStatistics"),
    "sensorium.clocks": ("Clock", "VirtualClock", "WallClock"),
    "sensorium.components": (
        "Actuator", "Component", "ComponentOptions", "Context", "Emit", "Fuser", "Input",
        "Output", "Perceiver", "Planner", "Sink", "Source",
    ),
    "sensorium.delivery": ("DeliveryPolicy", "DropReason", "EventClass"),
    "sensorium.errors": ("SensoriumError",),
    "sensorium.events": ("Event",),
    "sensorium.payloads": (
        "Array", "Audio", "Image", "Payload", "PayloadRegistry", "Shed", "Text", "payload",
    ),
    "sensorium.plugins": ("ErrorAction", "Plugins", "Registry", "hookimpl", "load_plugins"),
    "sensorium.session": ("Session",),
    "sensorium.settings": ("Settings", "load_settings"),
    "sensorium.workers": ("Executor", "Model", "ModelHandle", "ModelOptions"),
}  # fmt: skip
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Actuator", "Array", "Audio", "Clock", "Component", "ComponentOptions", "Context",
    "DeliveryPolicy", "DropReason", "Emit", "ErrorAction", "Event", "EventBus", "EventClass",
    "Executor", "Fuser", "Image", "Input", "Model", "ModelHandle", "ModelOptions", "Output",
    "Payload", "PayloadRegistry", "Perceiver", "Planner", "Plugins", "Registry",
    "SensoriumError", "Session", "Settings", "Shed", "Sink", "Source", "Subscription",
    "SubscriptionStatistics", "Text", "VirtualClock", "WallClock", "hookimpl", "load_plugins",
    "load_settings", "payload",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module 'sensorium' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME_OF])
