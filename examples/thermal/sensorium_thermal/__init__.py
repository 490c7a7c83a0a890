"""Sensorium plugin: a thermal camera and a perceiver of hot spots.

Classes are registered by their place, so that nothing is imported before an agent uses it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sensorium import hookimpl

if TYPE_CHECKING:
    from sensorium import Registry
    from sensorium.plugins.hookspecs import RegisterPayload


@hookimpl
def sensorium_register_payloads(register: RegisterPayload) -> None:
    """Frames of temperatures."""
    from sensorium_thermal.payload import ThermalFrame

    register(ThermalFrame)


@hookimpl
def sensorium_register_sources(registry: Registry[Any]) -> None:
    """The camera."""
    registry.add("thermal_camera", "sensorium_thermal.camera:ThermalCamera")


@hookimpl
def sensorium_register_perceivers(registry: Registry[Any]) -> None:
    """What is hot."""
    registry.add("hot_spots", "sensorium_thermal.hot_spots:HotSpots")
