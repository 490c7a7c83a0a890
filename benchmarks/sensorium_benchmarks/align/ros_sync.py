"""The other peer: ROS's own Python synchroniser, ``message_filters.ApproximateTimeSynchronizer``.

Debian packages it (python3-message-filters) with the Python 3 that the distribution brings. It
needs no running ROS: messages are handed to it as its subscribers would.
"""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

from sensorium_benchmarks.align.ros import MOST, QUEUE
from sensorium_benchmarks.align.streams import STREAMS, Given, case, judged
from sensorium_benchmarks.contract import DEBIAN_PYTHON


def align(events: int, ordered: bool) -> dict[str, float]:
    """All arrivals through one synchroniser."""
    sys.path.append(DEBIAN_PYTHON)
    import message_filters
    import rospy

    rospy.rostime.set_rostime_initialized(True)
    made = case(events, ordered=ordered)
    inputs = [message_filters.SimpleFilter() for _ in range(STREAMS)]
    together = message_filters.ApproximateTimeSynchronizer(inputs, QUEUE, MOST / 1e9)
    messages = [
        (now, inputs[stream].signalMessage, _message(event.originating_time, event.sequence))
        for now, stream, event in made.arrivals
    ]

    def run(given: list[Given]) -> None:
        arrived = 0

        def found(*ones: Any) -> None:
            given.append((arrived, tuple([one.sequence for one in ones])))

        together.registerCallback(found)
        for arrived, signal, message in messages:  # noqa: B007 - `found` reads it
            signal(message)

    return judged(made, run)


def _message(time: int, sequence: int) -> Any:
    import rospy

    stamp = rospy.Time(*divmod(time, 1_000_000_000))
    return SimpleNamespace(header=SimpleNamespace(stamp=stamp), sequence=sequence)
