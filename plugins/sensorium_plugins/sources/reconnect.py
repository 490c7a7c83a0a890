"""What a live source does when its device or server goes away: says so, and tries again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from pydantic import Field

from sensorium.components import ComponentOptions, Context
from sensorium.errors import BadInput, SourceUnavailable
from sensorium.payloads.system import EventsDropped, SourceState


class LiveOptions(ComponentOptions):
    """Options of a source that may lose its device."""

    reconnect: bool = True
    """Whether a device or URL that goes away is tried again, for ever. Otherwise it fails."""
    reconnect_first_s: float = Field(0.5, gt=0)
    """Wait before the first attempt; doubles with each one."""
    reconnect_max_s: float = Field(30.0, gt=0)
    """Longest wait between two attempts."""
    timeout_s: float = Field(4.0, gt=0)
    """A device or server that is silent for so long counts as lost."""


async def reopen(
    context: Context, options: LiveOptions, reason: str, attempt: Callable[[], Awaitable[None]]
) -> None:
    """Announce ``lost``, then ``retrying`` before every attempt, and ``restored`` at the end.

    ``attempt`` raises :class:`SourceUnavailable` or :class:`BadInput` when it fails. With
    ``reconnect`` off :class:`SourceUnavailable` is raised here at once.
    """
    await _say(context, "lost", reason)
    if not options.reconnect:
        raise SourceUnavailable(reason)
    wait = options.reconnect_first_s
    tries = 0
    while True:
        tries += 1
        await _say(context, "retrying", f"attempt {tries} in {wait:g} s: {reason}")
        await context.clock.sleep(wait)
        try:
            await attempt()
        except (SourceUnavailable, BadInput) as error:  # a rebooting camera may send nonsense
            reason = str(error)
            wait = min(wait * 2, options.reconnect_max_s)
        else:
            await _say(context, "restored", f"after {tries} attempt{'s' * (tries > 1)}")
            return


async def report_dropped(context: Context, count: int, reason: str) -> None:
    """Announce what a source captured and gave up before it could be published."""
    if count:
        await context.announce(EventsDropped(f"{context.name}.capture", {reason: count}))


async def _say(context: Context, state: str, detail: str) -> None:
    context.log.warning("%s: %s (%s)", context.name, state, detail)
    await context.announce(SourceState(context.name, state, detail))
