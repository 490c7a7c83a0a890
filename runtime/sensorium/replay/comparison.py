"""Whether a replay is what was recorded: its digest, and where the two first part."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from sensorium.errors import PayloadError
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads.codec import event_to_json
from sensorium.recording.digest import Digest
from sensorium.replay.inputs import RecordedInput
from sensorium.replay.script import Expected, Script, Turn

SHOWN = 2000  # characters of a side


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first thing that was not as recorded."""

    kind: Literal["changed", "extra", "missing", "late", "answer", "request"]
    """An event with other contents, one that was not recorded, one that did not come, or came after
    others that were recorded after it; a model that answers otherwise, or is asked what it was not
    asked."""
    at_s: float
    """Seconds from the beginning of the recording."""
    where: str
    """The event's topic and id, or the component and its model."""
    recorded: Any
    """The recorded side as JSON values, shortened; None where there is none."""
    replayed: Any

    def to_json(self) -> dict[str, Any]:
        """As a plain object."""
        return asdict(self)


class Comparison:
    """Takes in every event of a replay, in order."""

    def __init__(self, script: Script, until: int) -> None:
        self._script = script
        self._until = until
        self._digest = Digest()
        self._first: tuple[int, int, Divergence, Expected | None] | None = None
        self._last = -1  # the rank of the newest recorded event that has come

    @property
    def events(self) -> int:
        """How many events there were."""
        return self._digest.events

    def hexdigest(self) -> str:
        """The digest over every event."""
        return self._digest.hexdigest()

    def add_input(self, given: RecordedInput) -> None:
        """A recorded input was published."""
        if given.turn.due <= self._until:
            self._digest.add_own(given.digest)
            self._last = max(self._last, given.turn.rank)

    def add(self, event: AnyEvent, digest: str, expected: Expected) -> None:
        """The event that was ``expected`` was published."""
        due, rank = expected.turn
        if due > self._until:
            return
        self._digest.add_own(digest)
        if digest != expected.digest:
            self._note(expected.turn, "changed", _name(event), event, expected)
        elif rank < self._last:
            self._note(expected.turn, "late", _name(event), event, expected)
        self._last = max(self._last, rank)

    def add_extra(self, event: AnyEvent) -> None:
        """A component published what the recording does not have."""
        if event.creation_time > self._until:
            return
        self._digest.add(event)
        turn = Turn(event.creation_time, self._script.length)
        self._note(turn, "extra", _name(event), event)

    def other_answer(self, at: int, where: str, recorded: Any, replayed: Any) -> None:
        """A recomputed model answered otherwise."""
        self._keep(at, 0, self._divergence("answer", at, where, recorded, replayed))

    def other_request(self, at: int, where: str, replayed: Any) -> None:
        """A model was asked what it had not been asked."""
        self._keep(at, 0, self._divergence("request", at, where, None, replayed))

    def finish(self) -> tuple[Divergence | None, Expected | None]:
        """The first divergence and, where it is about an event, the recorded one.

        What was expected and never came counts from now on.
        """
        for component, role in self._script.roles.items():
            for one in role.expected:
                if one.turn.due <= self._until:
                    name = f"{one.topic} {component}#{one.sequence}"
                    self._note(one.turn, "missing", name, None, one)
                    break
        return (None, None) if self._first is None else self._first[2:]

    def _note(
        self,
        turn: Turn,
        kind: Literal["changed", "extra", "missing", "late"],
        where: str,
        event: AnyEvent | None,
        expected: Expected | None = None,
    ) -> None:
        at, rank = turn
        if not self._is_first(at, rank):
            return
        replayed = None if event is None else side(event)
        self._keep(at, rank, self._divergence(kind, at, where, None, replayed), expected)

    def _divergence(self, kind: Any, at: int, where: str, old: Any, new: Any) -> Divergence:
        seconds = (at - (self._script.began or 0)) / NS_PER_S
        return Divergence(kind, round(seconds, 6), where, shortened(old), shortened(new))

    def _keep(
        self, at: int, rank: int, found: Divergence, expected: Expected | None = None
    ) -> None:
        if self._is_first(at, rank):
            self._first = (at, rank, found, expected)

    def _is_first(self, at: int, rank: int) -> bool:
        return self._first is None or (at, rank) < self._first[:2]


def side(event: AnyEvent) -> Any:
    """An event as one side of a divergence: JSON values, shortened."""
    try:
        return shortened(event_to_json(event))
    except PayloadError as error:
        return str(error)


def shortened(value: Any) -> Any:
    """``value`` with long texts and lists cut, so that both sides fit a screen."""
    if isinstance(value, dict):
        return {str(key): shortened(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        shown = [shortened(item) for item in value[:20]]
        return [*shown, f"... {len(value) - 20} more"] if len(value) > 20 else shown
    if isinstance(value, str) and len(value) > SHOWN:
        return f"{value[:80]}... {len(value)} characters"
    if value is None or isinstance(value, str | int | float | bool):
        return value
    return f"{value!r:.200}"


def _name(event: AnyEvent) -> str:
    return f"{event.topic} {event.id}"
