"""Testing a plugin: run one component for real, and the kit that says what is wrong with it.

:func:`run_component` runs a component in a real session on a real bus::

    async with run_component(HotSpots, options={"threshold": 35.0}) as harness:
        await harness.send("thermal/front/frame", ThermalFrame(celsius))
        await harness.settled()
        assert harness.events[0].payload.labels == ("hot",)

:func:`assert_conforms` puts a component through the whole contract of
:mod:`sensorium.components`; :func:`check_component`, :func:`check_payload` and
:func:`check_plugin` return what they find as a list of :class:`Problem`.
"""

from sensorium.testing.behaviour import assert_conforms, check_behaviour
from sensorium.testing.declaration import check_component
from sensorium.testing.harness import Harness, run_component
from sensorium.testing.payload import check_payload
from sensorium.testing.plugin import check_plugin
from sensorium.testing.problem import Problem

__all__ = [
    "Harness",
    "Problem",
    "assert_conforms",
    "check_behaviour",
    "check_component",
    "check_payload",
    "check_plugin",
    "run_component",
]
