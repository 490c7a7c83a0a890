"""What a payload is, and the decorator that makes one.

A payload is a frozen dataclass with slots that declares, once and for every edge it will ever
travel, the contract of its events::

    @payload("thermal.frame", policy=DeliveryPolicy.latest(), shed=Shed.VIDEO)
    class ThermalFrame(Payload):
        celsius: Array  # (H, W) float32, degrees Celsius
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, ClassVar, TypeVar, dataclass_transform

from sensorium.delivery import DeliveryPolicy, EventClass
from sensorium.errors import PayloadError
from sensorium.payloads.arrays import Array, read_only

PayloadT = TypeVar("PayloadT", bound="Payload")

_NAME = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


class Shed(IntEnum):
    """Order in which a full mailbox gives events up: lowest first."""

    TELEMETRY = 0
    VIDEO = 1
    AUDIO = 2
    DERIVED = 3


class Payload:
    """Base of every payload. Its class attributes are set by :func:`payload`."""

    __slots__ = ()

    type_name: ClassVar[str] = ""
    event_class: ClassVar[EventClass] = EventClass.DATA
    default_policy: ClassVar[DeliveryPolicy] = DeliveryPolicy.drop_oldest()
    shed: ClassVar[Shed] = Shed.DERIVED


@dataclass_transform(frozen_default=True, eq_default=False)
def payload(
    type_name: str,
    *,
    event_class: EventClass = EventClass.DATA,
    policy: DeliveryPolicy | None = None,
    shed: Shed = Shed.DERIVED,
) -> Callable[[type[PayloadT]], type[PayloadT]]:
    """Make a class a payload type: a frozen dataclass with slots, compared by identity.

    ``type_name`` names it on every wire (lower case, dotted for a plugin: ``thermal.frame``).
    ``policy`` is what an edge does unless a component or a setting says otherwise: by default
    ``drop_oldest`` for data and ``block`` for control and system events.
    """
    if not _NAME.fullmatch(type_name):
        raise PayloadError(f"payload name {type_name!r} is not lower_case words joined by dots")
    if policy is None:
        data = event_class is EventClass.DATA
        policy = DeliveryPolicy.drop_oldest() if data else DeliveryPolicy.block()

    def make(cls: type[PayloadT]) -> type[PayloadT]:
        if not issubclass(cls, Payload):
            raise PayloadError(f"{cls.__qualname__} must subclass sensorium.Payload")
        _seal_arrays(cls)
        made: Any = dataclass(frozen=True, slots=True, eq=False)(cls)
        made.type_name = type_name
        made.event_class = event_class
        made.default_policy = policy
        made.shed = shed
        return made  # type: ignore[no-any-return]

    return make


def _seal_arrays(cls: type[Any]) -> None:
    """Make every array field read-only once the class's own checks are done."""
    names = [name for name, kind in cls.__annotations__.items() if kind in ("Array", Array)]
    check = getattr(cls, "__post_init__", None)
    if not names:
        return

    def __post_init__(self: Any) -> None:  # noqa: N807
        if check is not None:
            check(self)
        for name in names:
            array = getattr(self, name)
            if array.flags.writeable:
                object.__setattr__(self, name, read_only(array))

    cls.__post_init__ = __post_init__
