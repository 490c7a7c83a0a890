"""MQTT actuator: actions become commands to devices, each at most once.

A command is sent on the connection that stands and waits for the broker's acknowledgement. When
none came, nobody knows whether the device heard it: the result is ``unknown`` and the command is
not sent again, unless it is declared ``idempotent``.
"""

from __future__ import annotations

import asyncio
import json
import re
from typing import Annotated, Any, get_args

from pydantic import Field

from sensorium.components import Actuator, ComponentOptions, Emit, Input, Output
from sensorium.effects.ledger import Outcome
from sensorium.errors import BadInput, EffectRefused, TopicError
from sensorium.events import Event
from sensorium.payloads.acting import Action, ActionResult
from sensorium.payloads.system import SourceState
from sensorium.topics import check_topic
from sensorium_plugins.bridges.mqtt_link import Link, Sent, join
from sensorium_plugins.bridges.mqtt_options import Connection, Qos
from sensorium_plugins.bridges.mqtt_queues import Outgoing

_PLACE = re.compile(r"\{(\w+)\}")


class Command(ComponentOptions):
    """What one action sends. ``{argument}`` stands for an argument of the action."""

    topic: str
    payload: str | dict[str, Any] = ""
    """Text, or a table that is sent as JSON; there ``"{level}"`` keeps the argument's type."""
    qos: Qos = 1
    retain: bool = False
    idempotent: bool = False
    """Sending it twice does no harm, so it is sent again when no acknowledgement came."""


class MqttActuator(Actuator):
    """Switches things through an MQTT broker. Actions it has no command for are not its own."""

    class Options(ComponentOptions):
        """Options of ``mqtt_actuator``."""

        connection: Connection = Connection()
        commands: Annotated[dict[str, Command], Field(min_length=1)]
        """By the name of the action: ``"lamp/on"``."""
        timeout_s: float = Field(5.0, gt=0)
        """For a command, from request to acknowledgement."""

    takes = {"action": Input("action/requested", Action)}
    gives = {"result": Output("action/result", ActionResult)}

    _link: Link | None = None

    async def setup(self) -> None:
        """Join the connection; the broker need not be there yet."""
        clock = self.context.clock
        self._link = join(self.options.connection, clock, self.name, self._on_state)
        self.context.spawn(self._link.watch(), name="watches the broker")

    async def process(self, event: Event[Action], emit: Emit) -> None:
        """Carry out one action and emit how it ended."""
        action = event.payload
        command = self.options.commands.get(action.name)
        if command is None:
            return
        wanted = (action.action_id, action.name, action.arguments)
        performing = self.context.effects.perform(
            *wanted, idempotent=command.idempotent, cause=event
        )
        try:
            async with performing as effect:
                effect.outcome, effect.detail = await self._carry_out(command, action)
        except EffectRefused as refused:
            result = ActionResult(action.action_id, _outcome(refused), "not done again")
        else:
            result = ActionResult(action.action_id, effect.outcome, effect.detail)
        await emit(result)

    async def close(self) -> None:
        """Leave the connection."""
        link = self._link
        if link is not None:
            await link.leave(self.name)

    async def _carry_out(self, command: Command, action: Action) -> tuple[Outcome, str]:
        try:
            message = compose(command, action.arguments)
        except (BadInput, TopicError) as error:
            return "failed", str(error)
        link = self._link
        assert link is not None
        progress = [Sent.NOT_SENT]
        sending = asyncio.ensure_future(self._send(link, message, command.idempotent, progress))
        limit = asyncio.ensure_future(self.context.clock.sleep(self.options.timeout_s))
        try:
            await asyncio.wait([sending, limit], return_when=asyncio.FIRST_COMPLETED)
            if sending.done():
                sending.result()
        finally:
            for task in (sending, limit):
                task.cancel()
            await asyncio.gather(sending, limit, return_exceptions=True)
        broker = f"MQTT broker {link.connection.address}"
        match progress[0]:
            case Sent.ACKNOWLEDGED:
                return "done", message.topic
            case Sent.NOT_SENT:
                return "failed", f"{broker} was away; nothing was sent"
            case _:
                return "unknown", f"{broker} has not acknowledged {message.topic}"

    async def _send(
        self, link: Link, message: Outgoing, idempotent: bool, progress: list[Sent]
    ) -> None:
        """Send until it is clear what became of it; ``progress`` holds what is known so far."""
        while True:
            await link.up.wait()
            before, progress[0] = progress[0], Sent.UNKNOWN
            outcome = await link.send_now(message)
            if outcome is Sent.NOT_SENT:
                progress[0] = before
                continue
            progress[0] = outcome
            if outcome is Sent.ACKNOWLEDGED or not idempotent:
                return

    async def _on_state(self, state: str, detail: str) -> None:
        await self.context.announce(SourceState(self.name, state, detail))


def _outcome(refused: EffectRefused) -> Outcome:
    """How it ended when it was done; of one that is under way nobody knows yet."""
    state: Any = refused.state
    return state if state in get_args(Outcome) else "unknown"


def compose(command: Command, arguments: dict[str, Any]) -> Outgoing:
    """The message for a command with these arguments.

    Raises :class:`BadInput` for a missing argument or one that does not fit into a topic, and
    :class:`TopicError` when the topic is none.
    """

    def level(match: re.Match[str]) -> str:
        value = str(_argument(arguments, match[1]))
        if not value or set(value) & set("/+#\x00"):
            raise BadInput(f"argument {match[1]} = {value!r} cannot be a level of a topic")
        return value

    topic = check_topic(_PLACE.sub(level, command.topic))
    if isinstance(command.payload, str):
        text = _PLACE.sub(lambda match: _plain(_argument(arguments, match[1])), command.payload)
    else:
        text = json.dumps(_filled(command.payload, arguments))
    return Outgoing(topic, text.encode(), command.qos, command.retain)


def _filled(value: Any, arguments: dict[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(held, arguments) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_filled(held, arguments) for held in value]
    if not isinstance(value, str):
        return value
    whole = _PLACE.fullmatch(value)
    if whole:
        return _argument(arguments, whole[1])
    return _PLACE.sub(lambda match: _plain(_argument(arguments, match[1])), value)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _argument(arguments: dict[str, Any], name: str) -> Any:
    if name not in arguments:
        given = ", ".join(arguments) or "none"
        raise BadInput(f"the action lacks the argument {name!r}; it has: {given}")
    return arguments[name]
