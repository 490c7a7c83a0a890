"""The other peer: the synchroniser of ROS's Python library, from its published description.

docs.ros.org, message_filters.ApproximateTimeSynchronizer(filters, queue_size, slop): a message that
arrives is put with messages of the other streams that lie within the slop of it, the nearest
first, as soon as a set can be made whose messages all lie within the slop of each other. Messages
are used once; a queue that is too long loses its earliest.
"""

from __future__ import annotations

from itertools import product

from sensorium.events import AnyEvent
from sensorium_benchmarks.align.ros import MOST, QUEUE, Set
from sensorium_benchmarks.align.streams import STREAMS, Given, case, judged


class Synchronizer:
    """The synchroniser for ``count`` streams; :meth:`add` returns the set that a message made."""

    def __init__(self, count: int, queue: int = QUEUE, slop: int = MOST) -> None:
        self._queue = queue
        self._slop = slop
        self._queues: list[dict[int, AnyEvent]] = [{} for _ in range(count)]

    def add(self, stream: int, message: AnyEvent) -> Set | None:
        """A message has arrived."""
        queues, slop, time = self._queues, self._slop, message.originating_time
        own = queues[stream]
        own[time] = message
        while len(own) > self._queue:
            del own[min(own)]
        near = []
        for number, queue in enumerate(queues):
            if number == stream:
                near.append([time])
                continue
            others = sorted((abs(other - time), other) for other in queue)
            near.append([other for away, other in others if away <= slop])
            if not near[-1]:
                return None
        for times in product(*near):
            if max(times) - min(times) <= slop:
                return [queue.pop(one) for queue, one in zip(queues, times, strict=True)]
        return None


def align(events: int, ordered: bool) -> dict[str, float]:
    """All arrivals through one synchroniser."""
    made = case(events, ordered=ordered)

    def run(given: list[Given]) -> None:
        add = Synchronizer(STREAMS).add
        for now, stream, event in made.arrivals:
            if found := add(stream, event):
                given.append((now, tuple([one.sequence for one in found])))

    return judged(made, run)
