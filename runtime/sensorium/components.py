"""Components: the running stages of an agent, and the one page a plugin author reads first.

A component is a class with options, the topics it takes, the topics it gives, and one async
method: :meth:`Source.run` for a source, ``process`` for every other kind::

    class HotSpots(Perceiver):
        class Options(ComponentOptions):
            threshold: float = 40.0  # degrees Celsius

        takes = {"frame": Input("thermal/+/frame", ThermalFrame)}
        gives = {"spots": Output("thermal/{name}/spots", Detections)}

        async def process(self, event: Event[ThermalFrame], emit: Emit) -> None:
            await emit(Detections(...))

Contract:

* ``setup`` is called before the first event and may take long; ``close`` is called after the
  last one, also when ``setup`` or ``process`` raised. Restarting makes a new object.
* ``process`` is called for one event at a time. Meanwhile events wait in the input's mailbox
  under its delivery policy. What it raises goes to the supervisor, with the event's id.
* What ``emit`` publishes keeps the originating time of the event being processed and names it
  as its parent.
* Time comes from ``self.context.clock``; work that computes goes through ``self.context.model``.
"""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from sensorium.clocks import Clock
from sensorium.delivery import DeliveryPolicy
from sensorium.events import AnyEvent
from sensorium.payloads.base import Payload

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from sensorium.effects import Effects
    from sensorium.payloads.registry import PayloadRegistry
    from sensorium.trace import Trace
    from sensorium.workers.executor import ModelHandle


class ComponentOptions(BaseModel):
    """Base of a component's options: unknown keys are refused, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Input:
    """One thing a component takes: a topic pattern, the payload type expected on it, a policy.

    Without a policy the payload type's own default holds. Settings may change pattern and
    policy. ``{name}`` in the pattern stands for the component's name.
    """

    pattern: str
    payload_type: type[Payload]
    policy: DeliveryPolicy | None = None


@dataclass(frozen=True, slots=True)
class Output:
    """One thing a component gives: a topic and its payload type. ``{name}`` is its name.

    A topic with wildcards stands for every topic under it; each ``emit`` then names one.
    """

    topic: str
    payload_type: type[Payload]


class Emit(Protocol):
    """Publishes what a component makes."""

    async def __call__(
        self,
        payload: Payload,
        to: str = "",
        *,
        topic: str = "",
        originating_time: int | None = None,
        parents: tuple[AnyEvent, ...] | None = None,
    ) -> AnyEvent:
        """Publish ``payload`` on the output ``to`` (needed only when there are several).

        ``topic`` is needed for an output that is declared with wildcards, and only there.
        ``originating_time`` (ns) and ``parents`` default to those of the event being processed;
        in a source, to now and none. Waits while a subscriber that may lose nothing is full.
        """


@dataclass(frozen=True)
class Context:
    """What the session lends a component."""

    name: str
    """The component's name in this session."""
    clock: Clock
    log: logging.LoggerAdapter[logging.Logger]
    payloads: PayloadRegistry
    seed: int
    """Seed for everything random, different for each component, the same in each run."""
    models: Mapping[str, ModelHandle]
    """Models of the session by name; use :meth:`Component.model`."""
    emit: Emit
    """Publishes outside of ``process``: parents and times must then be given."""
    spawn: _Spawn
    """Runs a coroutine beside ``process`` until the component closes; its failure is ours."""
    announce: _Announce
    """Publishes a system event in the component's name."""
    effects: Effects
    """The ledger: do to the world what an event asks inside ``effects.perform(…)``."""
    trace: Trace | None = None
    """Tells of everything that happens; for components with ``traces = True``."""


class _Spawn(Protocol):
    def __call__(self, coroutine: Coroutine[Any, Any, None], *, name: str) -> None: ...


class _Announce(Protocol):
    async def __call__(self, payload: Payload) -> None: ...


class Component(ABC):
    """What all kinds of component share. Subclass a kind, not this."""

    kind: ClassVar[str] = ""
    Options: ClassVar[type[ComponentOptions]] = ComponentOptions
    takes: ClassVar[Mapping[str, Input]] = MappingProxyType({})
    gives: ClassVar[Mapping[str, Output]] = MappingProxyType({})
    interruptible: ClassVar[bool] = False
    """True when an Interrupted event cancels ``process`` and clears the mailboxes of data."""
    traces: ClassVar[bool] = False
    """True for a recorder: it is set up before, and closed after, all that do not trace, and
    ``context.trace`` tells it of everything (:mod:`sensorium.trace`)."""
    came_by: str = ""
    """Name of the input that the event being processed came by: a key of :attr:`takes`."""

    def __init__(self, options: Any, context: Context) -> None:
        self.options: Any = options
        self.context = context

    @classmethod
    def inputs(cls, options: Any) -> Mapping[str, Input]:
        """What it takes with these options: :attr:`takes`, unless its options name topics."""
        return cls.takes

    @classmethod
    def outputs(cls, options: Any) -> Mapping[str, Output]:
        """What it gives with these options: :attr:`gives`, unless its options name topics."""
        return cls.gives

    @property
    def name(self) -> str:
        """The component's name in this session."""
        return self.context.name

    @property
    def log(self) -> logging.LoggerAdapter[logging.Logger]:
        """Logs in the component's name."""
        return self.context.log

    def model(self, name: str) -> ModelHandle:
        """A model of the session. Raises :class:`UnknownName` with the names there are."""
        from sensorium.errors import UnknownName

        try:
            return self.context.models[name]
        except KeyError:
            adding = "A plugin adds one in its hook sensorium_register_models(registry)."
            raise UnknownName("model", name, self.context.models, adding) from None

    @property
    def unfinished(self) -> bool:
        """Whether it will emit by itself, later: a session whose sources ended waits for that."""
        return False

    async def setup(self) -> None:  # noqa: B027 - optional
        """Open devices, load models. Raise to say what is missing."""

    async def close(self) -> None:  # noqa: B027 - optional
        """Give back what ``setup`` took. Called exactly once."""


class Source(Component):
    """Turns a sensor, a file or a server into events."""

    kind = "source"

    @abstractmethod
    async def run(self, emit: Emit) -> None:
        """Emit until the source ends; returning means that nothing more will come."""


class _Processor(Component):
    @abstractmethod
    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Handle one event. Which input it came by shows in its topic and payload type."""


class Perceiver(_Processor):
    """Turns signals into percepts."""

    kind = "perceiver"


class Fuser(_Processor):
    """Joins events of several streams."""

    kind = "fuser"


class Planner(_Processor):
    """Decides what to say or do."""

    kind = "planner"


class Actuator(_Processor):
    """Changes the world: speaks, moves, switches."""

    kind = "actuator"


class Sink(_Processor):
    """Takes events out of the session: to a broker, a file, a screen."""

    kind = "sink"
