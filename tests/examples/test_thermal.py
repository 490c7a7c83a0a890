"""The example plugin is a distribution of its own: found by its entry point, and running."""

from __future__ import annotations

from importlib.metadata import entry_points

from sensorium import Session, VirtualClock, load_plugins, load_settings
from sensorium.plugins import Plugins

INSTALL = "pip install --no-deps --no-build-isolation -e examples/thermal"


def installed_plugins() -> Plugins:
    found = {point.name for point in entry_points(group="sensorium")}
    assert "thermal" in found, f"the example plugin is not installed: run `{INSTALL}`"
    return load_plugins()


def test_its_entry_point_is_found_and_every_name_is_registered() -> None:
    plugins = installed_plugins()
    (thermal,) = [plugin for plugin in plugins.loaded if plugin.name == "thermal"]
    assert thermal.error == ""
    assert thermal.origin == "sensorium-thermal 0.1.0"
    assert thermal.hooks == ("register_payloads", "register_perceivers", "register_sources")
    assert plugins.component("thermal_camera").kind == "source"
    assert plugins.component("hot_spots").kind == "perceiver"
    assert plugins.payloads.get("thermal.frame").__name__ == "ThermalFrame"


async def test_an_agent_of_it_sees_the_warm_body_move() -> None:
    overrides = {
        "components": {
            "thermal_camera": {"options": {"frames": 8}},
            "hot_spots": {"takes": {"frame": {"policy": "block"}}},
        },
        "watchdog": {"enabled": False},
    }
    clock = VirtualClock()
    settings = load_settings(environ={}, overrides=overrides)
    async with Session(settings, installed_plugins(), clock) as session:
        spots = session.bus.subscribe("thermal/hot_spots/spots")
        await clock.advance(2.0)
        await session.settled()
        seen = []
        while (event := spots.get_nowait()) is not None:
            seen.append(event)
    assert [len(event.payload.boxes) for event in seen] == [1] * 8
    assert [event.originating_time for event in seen] == [i * 125_000_000 for i in range(8)]
    left = [float(event.payload.boxes[0, 0]) for event in seen]
    assert max(left) - min(left) > 15
    assert all(event.parents[0].startswith("thermal_camera#") for event in seen)
