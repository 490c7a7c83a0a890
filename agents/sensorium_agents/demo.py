"""Plays the bundled scene to an agent and shows what it makes of it."""

from __future__ import annotations

from rich.markup import escape

from sensorium.errors import SensoriumError
from sensorium_agents.console import notes, tell_asked, tell_heard, tell_reply, tell_shown
from sensorium_agents.conversation import Conversation
from sensorium_agents.scene import Step, media, steps


async def play(talk: Conversation) -> None:
    """Go through the scene; a step that fails is reported and the next one goes on.

    Raises the last failure at the end, if there was one.
    """
    failure: SensoriumError | None = None
    for step in steps():
        try:
            await _take(step, talk)
        except SensoriumError as error:
            failure = error
            notes.print(f"[red]step failed:[/] {escape(str(error))}")
    if failure is not None:
        raise failure


async def _take(step: Step, talk: Conversation) -> None:
    if step.show:
        path = media(step.show)
        await talk.show(path, pace=step.pace)
        tell_shown(path)
    if step.hear:
        path = media(step.hear)
        tell_heard(path, await talk.hear(path))
    if step.ask:
        path = media(step.ask)
        words = await talk.hear(path, name="question")
        tell_heard(path, words)
        tell_reply(await talk.ask(words, spoken=True))
    if step.say:
        tell_asked(step.say)
        tell_reply(await talk.ask(step.say))
