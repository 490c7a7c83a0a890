"""What the runtime says of itself. System events jump every queue and are never dropped."""

from __future__ import annotations

from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.payloads.base import Payload, Shed, payload

SYSTEM = EventClass.SYSTEM


@payload("component_ready", event_class=SYSTEM)
class ComponentReady(Payload):
    """A component has set itself up and takes events."""

    component: str


@payload("component_failed", event_class=SYSTEM)
class ComponentFailed(Payload):
    """A component raised. What happens to it next is ``action``."""

    component: str
    error: str
    """The error's type and message, for people."""
    kind: str
    """The error's type alone."""
    action: str
    """skip, restart, disable or stop."""
    during: str
    """import, setup, run, process or close."""
    event: str = ""
    """Id of the event it was busy with, if any."""
    plugin: str = ""
    """The plugin its class comes from."""


@payload("component_ended", event_class=SYSTEM)
class ComponentEnded(Payload):
    """A component is done: a source reached its end, or a component was disabled."""

    component: str
    reason: str


@payload("source_state", event_class=SYSTEM)
class SourceState(Payload):
    """A source lost its device, or has it back."""

    component: str
    state: str
    """lost, retrying, restored or substituted."""
    detail: str


@payload("interrupted", event_class=SYSTEM)
class Interrupted(Payload):
    """Stop what is being said and planned, now: the user wants the floor."""

    reason: str


@payload("events_dropped", event_class=SYSTEM)
class EventsDropped(Payload):
    """A subscription gave events up since the last report."""

    subscription: str
    dropped: dict[str, int]
    """By reason, since the last report."""


@payload("loop_blocked", event_class=SYSTEM)
class LoopBlocked(Payload):
    """The event loop stood still, and where."""

    seconds: float
    stack: str


@payload("worker_ready", event_class=SYSTEM)
class WorkerReady(Payload):
    """A worker process has loaded its models and takes requests."""

    worker: str
    device: str
    epoch: int
    """Which life of the pool's workers this is; each process has another."""
    pid: int
    seconds: float
    """Since the start of the process, or since its forerunner was lost."""


@payload("worker_lost", event_class=SYSTEM)
class WorkerLost(Payload):
    """A worker process died, or was killed because it hung."""

    worker: str
    epoch: int
    pid: int
    reason: str
    in_flight: int
    """Requests it had not answered."""


@payload("worker_restarted", event_class=SYSTEM)
class WorkerRestarted(Payload):
    """A lost worker has been given another process, or been given up."""

    worker: str
    epoch: int
    """Of the new life."""
    failures: int
    """Lives in a row that ended without having answered anything."""
    how: str
    """cold, blank (a started process without models), warm (one with models) or given_up."""


@payload("request_retried", event_class=SYSTEM)
class RequestRetried(Payload):
    """A request is tried again after its worker was lost."""

    model: str
    request: int
    worker: str
    """The lost one."""
    attempt: int
    """Of the try to come: 2 for the first retry."""


@payload("metric", policy=DeliveryPolicy.drop_oldest(), shed=Shed.TELEMETRY)
class Metric(Payload):
    """One measured number; the first thing to be given up under overload."""

    name: str
    value: float
    unit: str


@payload("turn_timing", policy=DeliveryPolicy.drop_oldest(), shed=Shed.TELEMETRY)
class TurnTiming(Payload):
    """Where the time of one turn of a conversation went."""

    turn: str
    """Id of the event that asked."""
    text: str
    spoken: bool
    captured: int
    """ns since the epoch: the end of the question, spoken or typed."""
    parts: dict[str, int]
    """ns of each step that happened, counted from the one before: heard, understood, planned,
    first_sound, finished. Their sum is the whole."""
    outcome: str = "done"
    """done, interrupted or failed."""

    @property
    def whole(self) -> int:
        """ns from the end of the question to the end of the answer."""
        return sum(self.parts.values())
