"""The peer: ROS's adaptive approximate-time policy, from its published description.

wiki.ros.org/message_filters/ApproximateTime: the latest of the heads of the queues is the
*pivot*, which every set that may follow the last one contains. The first candidate is made of the
heads; then the earliest head is put aside, again and again, and a set that spans less time
becomes the candidate. The search ends when the pivot itself is the earliest, or when even a set
that ends no later than what is known must span more. Messages are used once and sets do not
cross. It takes for granted that the messages of each stream arrive in order.
"""

from __future__ import annotations

from collections import deque

from sensorium.events import NS_PER_MS, AnyEvent
from sensorium_benchmarks.align.streams import STREAMS, Given, case, judged

QUEUE = 10
MOST = 40 * NS_PER_MS  # from the first to the last message of a set

Set = list[AnyEvent]


class ApproximateTime:
    """The policy for ``count`` streams; :meth:`add` returns the sets that a message completed."""

    def __init__(self, count: int, queue: int = QUEUE, most: int = MOST) -> None:
        self._count = count
        self._queue = queue
        self._most = most
        self._queues: list[deque[AnyEvent]] = [deque() for _ in range(count)]
        self._aside: list[list[AnyEvent]] = [[] for _ in range(count)]
        self._dropped = [False] * count
        self._candidate: Set = []
        self._begin = self._end = 0  # of the candidate
        self._pivot = -1
        self._pivot_time = 0
        self._done: list[Set] = []

    def add(self, stream: int, message: AnyEvent) -> list[Set]:
        """A message has arrived."""
        queue = self._queues[stream]
        queue.append(message)
        if len(queue) == 1 and all(self._queues):
            self._search()
        if len(queue) + len(self._aside[stream]) > self._queue:
            self._bring_back()
            queue.popleft()
            self._dropped[stream] = True
            if self._pivot >= 0:
                self._pivot = -1
                self._search()
        done, self._done = self._done, []
        return done

    def _search(self) -> None:
        while all(self._queues):
            times = [queue[0].originating_time for queue in self._queues]
            first, last = min(times), max(times)
            start, end = times.index(first), times.index(last)
            for stream in range(self._count):
                if stream != end:
                    self._dropped[stream] = False
            if self._pivot < 0:
                if last - first > self._most or self._dropped[end]:
                    self._queues[start].popleft()
                    continue
                self._propose(first, last)
                self._pivot, self._pivot_time = end, last
            elif last - self._end < first - self._begin:
                self._propose(first, last)
            self._put_aside(start)
            if start == self._pivot or last - self._end >= self._pivot_time - self._begin:
                self._publish()
            elif not self._queues[start]:
                self._look_ahead()

    def _look_ahead(self) -> None:
        """Whether, whatever the empty queues will bring, the candidate is the best."""
        moved = [0] * self._count
        while True:
            times = [self._earliest(stream) for stream in range(self._count)]
            first, last = min(times), max(times)
            start = times.index(first)
            if last - self._end >= self._pivot_time - self._begin:
                self._publish()
                return
            if last - self._end < first - self._begin or not self._queues[start]:
                break
            self._put_aside(start)
            moved[start] += 1
        for stream, count in enumerate(moved):
            for _ in range(count):
                self._queues[stream].appendleft(self._aside[stream].pop())

    def _earliest(self, stream: int) -> int:
        """The time of the head of a queue, or the earliest that it may bring."""
        if self._queues[stream]:
            return self._queues[stream][0].originating_time
        aside = self._aside[stream]
        return max(aside[-1].originating_time if aside else 0, self._pivot_time)

    def _propose(self, first: int, last: int) -> None:
        self._candidate = [queue[0] for queue in self._queues]
        self._begin, self._end = first, last
        for aside in self._aside:
            aside.clear()

    def _put_aside(self, stream: int) -> None:
        self._aside[stream].append(self._queues[stream].popleft())

    def _bring_back(self) -> None:
        for queue, aside in zip(self._queues, self._aside, strict=True):
            queue.extendleft(reversed(aside))
            aside.clear()

    def _publish(self) -> None:
        self._done.append(self._candidate)
        self._pivot = -1
        self._bring_back()
        for queue in self._queues:
            queue.popleft()


def align(events: int, ordered: bool) -> dict[str, float]:
    """All arrivals through one synchroniser."""
    made = case(events, ordered=ordered)

    def run(given: list[Given]) -> None:
        add = ApproximateTime(STREAMS).add
        for now, stream, event in made.arrivals:
            for found in add(stream, event):
                given.append((now, tuple([one.sequence for one in found])))

    return judged(made, run)
