"""Whether a life does what it should."""

from __future__ import annotations

from sensorium.workers.options import PoolOptions
from sensorium.workers.pool.entries import overdue
from sensorium.workers.pool.lives import Life


def trouble(life: Life, options: PoolOptions, now: float) -> str:
    """Why that life is to be ended; empty while it is well."""
    silent_s = now - life.last_heard
    if silent_s > (options.hang_s if life.greeted else options.start_s):
        return f"not heard of for {silent_s:.1f} s"
    for lane in life.lanes.values():
        if lane.state == "loading" and now - lane.since > options.load_s:
            return f"model {lane.entry.name!r} did not load within {options.load_s:g} s"
        late = overdue(lane, now, options.grace_s)
        if late is not None:
            return (
                f"model {lane.entry.name!r} was still busy with request {late.number}"
                f" {options.grace_s:g} s after its deadline"
            )
    return ""
