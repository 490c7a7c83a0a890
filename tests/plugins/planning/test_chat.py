from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from sensorium import Model, VirtualClock
from sensorium.events import NS_PER_S, AnyEvent
from sensorium.payloads import GroundedTurn, Percept, Reply, ReplyPart, UserTurn, WorldState
from sensorium.testing import Harness, run_component
from sensorium_plugins.planning.chat import Chat, facts_of

NOW = 1_000 * NS_PER_S
SEA = "The sea is wide, and it is deep. Ships cross it."


class Talker(Model[Any, Any]):
    """Says ``answer`` token by token and keeps the requests. ``None`` talks without end."""

    def __init__(self, answer: str | None = SEA, *, fails_after: int = -1) -> None:
        super().__init__()
        self.answer = answer
        self.fails_after = fails_after
        self.requests: list[dict[str, Any]] = []
        self.said = 0
        self.closed = 0

    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        raise NotImplementedError

    def stream(self, request: Any) -> Iterator[dict[str, str]]:
        self.requests.append(request)
        try:
            for token in self._tokens():
                if self.said == self.fails_after:
                    raise RuntimeError("out of memory")
                self.said += 1
                yield {"text": token}
        finally:
            self.closed += 1

    def _tokens(self) -> Iterator[str]:
        if self.answer is not None:
            yield from re.findall(r"\S+\s?", self.answer)
            return
        while True:
            yield from ("on ", "and ", "on, ")


def chatting(talker: Talker, **options: Any) -> Any:
    models = {"language_model": talker}
    return run_component(Chat, options=options, models=models, clock=VirtualClock(NOW))


async def ask(harness: Harness, text: str, *percepts: Percept) -> AnyEvent:
    """Publish a grounded turn as the world does, and its turn's id as the parent."""
    turn = GroundedTurn(UserTurn(text), WorldState(percepts))
    return await harness.session.bus.publish(
        "chat/grounded", turn, source="world", parents=("turns#5",)
    )


def parts(harness: Harness) -> list[str]:
    return [e.payload.text for e in harness.events if isinstance(e.payload, ReplyPart)]


def replies(harness: Harness) -> list[Reply]:
    return [e.payload for e in harness.events if isinstance(e.payload, Reply)]


def seen(label: str, score: float = 0.9, *, age: float = 0.0, origin: str = "front") -> Percept:
    return Percept("seen", label, score, origin, NOW - round(age * NS_PER_S), (0, 0, 1, 1))


async def test_an_answer_is_let_out_while_it_is_made() -> None:
    async with chatting(Talker()) as harness:
        await ask(harness, "Tell me about the sea.")
        await harness.settled()
        said, (reply,) = parts(harness), replies(harness)
    assert len(said) > 1
    assert "".join(said) == reply.text == SEA
    assert reply.finished
    assert reply.turn == "turns#5"


async def test_an_invented_sight_is_replaced_by_what_is_known() -> None:
    async with chatting(Talker("I can see a dog and a purple elephant.")) as harness:
        await ask(harness, "What do you see?", seen("cat"))
        await harness.settled()
        (reply,) = replies(harness)
    assert "cat" in reply.text
    assert not {"dog", "elephant"} & set(reply.text.strip(".").split())


async def test_the_percepts_answer_before_the_model_has_made_a_token() -> None:
    talker = Talker(" It looks like an Egyptian cat.")
    breed = Percept("class", "Egyptian cat", 0.7, "front", NOW)
    async with chatting(talker) as harness:
        await ask(harness, "What do you see?", seen("cat"), breed)
        await harness.settled()
        said, (reply,) = parts(harness), replies(harness)
    assert said[0] == "I see a cat. "
    assert talker.requests[0]["messages"][-1] == {"role": "assistant", "content": "I see a cat."}
    assert reply.text == "".join(said) == "I see a cat. It looks like an Egyptian cat."


async def test_an_answer_that_is_whole_ends_without_a_blank_and_the_model_hears_of_it() -> None:
    talker = Talker("")
    async with chatting(talker) as harness:
        await ask(harness, "Is there a cat?", seen("cat"))
        await ask(harness, "Tell me about the sea.")
        await harness.settled()
        (reply, _) = replies(harness)
    assert reply.text == "Yes, I see a cat."
    told = talker.requests[1]["messages"]
    assert {"role": "assistant", "content": "Yes, I see a cat."} in told


async def test_an_interruption_in_the_opened_answer_keeps_what_was_said() -> None:
    talker = Talker("a " * 100_000)
    async with chatting(talker, max_tokens=200_000, grounding={"patience": 9}) as harness:
        await ask(harness, "What do you see?", seen("cat"))
        async with asyncio.timeout(10):
            while talker.said < 10:
                await asyncio.sleep(0)
        await harness.interrupt()
        await harness.settled()
        assert [(r.text, r.finished) for r in replies(harness)] == [("I see a cat.", False)]
    assert talker.closed == 1


async def test_no_model_is_asked_when_the_opening_is_all_there_may_be() -> None:
    talker = Talker()
    async with chatting(talker, grounding={"max_sentences": 1}) as harness:
        await ask(harness, "What do you see?", seen("cat"))
        await harness.settled()
        assert [(r.text, r.finished) for r in replies(harness)] == [("I see a cat.", True)]
    assert talker.requests == []


async def test_a_large_model_may_begin_itself() -> None:
    talker = Talker("There is a cat in the picture.")
    async with chatting(talker, grounding={"opening": "model"}) as harness:
        await ask(harness, "What do you see?", seen("cat"))
        await harness.settled()
        assert replies(harness)[0].text == talker.answer
    assert talker.requests[0]["messages"][-1]["role"] == "user"


async def test_the_model_is_stopped_once_nothing_more_will_be_let_out() -> None:
    talker = Talker("I see a dog. " * 200)
    async with chatting(talker) as harness:
        await ask(harness, "What do you see?", seen("cat"))
        await harness.settled()
        assert replies(harness)[0].finished
    assert talker.said < 20
    assert talker.closed == 1


async def test_the_model_is_told_the_facts_the_limits_and_what_was_said() -> None:
    talker = Talker()
    async with chatting(talker, max_tokens=7, temperature=0.5) as harness:
        await ask(harness, "What do you see?", seen("cat"))
        await ask(harness, "Tell me about the sea.")
        await harness.settled()
        first = replies(harness)[0]
    one, two = talker.requests
    assert (one["max_tokens"], one["temperature"]) == (7, 0.5)
    assert "cat" in one["messages"][-1]["content"]
    said = [(m["role"], m["content"]) for m in two["messages"]]
    assert ("user", "What do you see?") in said
    assert ("assistant", first.text) in said
    assert said[-1] == ("user", "Tell me about the sea.")
    assert one["seed"] == two["seed"]


@pytest.mark.parametrize(("turns", "remembered"), [(0, []), (1, ["two?"]), (8, ["one?", "two?"])])
async def test_only_the_last_exchanges_are_remembered(turns: int, remembered: list[str]) -> None:
    talker = Talker()
    async with chatting(talker, history_turns=turns) as harness:
        for question in ("one?", "two?", "three?"):
            await ask(harness, question)
        await harness.settled()
    told = [m["content"] for m in talker.requests[-1]["messages"] if m["role"] == "user"]
    assert told == [*remembered, "three?"]


async def test_memory_is_halved_at_once_so_that_its_beginning_stays_the_same_for_long() -> None:
    talker = Talker("Yes.")
    async with chatting(talker, history_turns=4) as harness:
        for n in range(8):
            await ask(harness, f"Number {n}?")
        await harness.settled()
    told = [[m["content"] for m in r["messages"] if m["role"] == "user"] for r in talker.requests]
    assert [len(turns) - 1 for turns in told] == [0, 1, 2, 3, 4, 2, 3, 4]
    assert told[-1][0] == "Number 3?"


async def test_memory_is_halved_when_it_grows_too_long() -> None:
    talker = Talker(SEA)  # 49 characters
    async with chatting(talker, grounding={"history_chars": 200}) as harness:
        for n in range(5):
            await ask(harness, f"Number {n}?")
        await harness.settled()
    told = [[m["content"] for m in r["messages"] if m["role"] == "user"] for r in talker.requests]
    assert [len(turns) - 1 for turns in told] == [0, 1, 2, 3, 1]


async def test_an_interruption_stops_the_model_and_keeps_what_was_said() -> None:
    talker = Talker(None)
    async with chatting(talker, max_tokens=10_000) as harness:
        await ask(harness, "Tell me a story.")
        async with asyncio.timeout(10):
            while len(parts(harness)) < 3:
                await asyncio.sleep(0)
        await harness.interrupt()
        await harness.settled()
        (stopped,) = replies(harness)
        assert not stopped.finished
        assert stopped.text == "".join(parts(harness)) != ""
        assert talker.closed == 1
        talker.answer = SEA
        await ask(harness, "Go on.")
        await harness.settled()
        assert replies(harness)[-1].finished
    assert {"role": "assistant", "content": stopped.text} in talker.requests[-1]["messages"]


async def test_an_answer_stopped_before_its_first_word_is_no_history() -> None:
    talker = Talker("a " * 100_000)  # no clause ends, so no word is let out
    async with chatting(talker, max_tokens=200_000) as harness:
        await ask(harness, "Tell me a story.")
        async with asyncio.timeout(10):
            while talker.said < 10:
                await asyncio.sleep(0)
        await harness.interrupt()
        await harness.settled()
        assert [(r.text, r.finished) for r in replies(harness)] == [("", False)]
        talker.answer = SEA
        await ask(harness, "Hello.")
        await harness.settled()
    assert [m["role"] for m in talker.requests[-1]["messages"]] == ["system", "user"]


async def test_a_model_that_breaks_is_told_and_ends_the_reply() -> None:
    async with chatting(Talker(fails_after=6)) as harness:
        await ask(harness, "Tell me about the sea.")
        await harness.settled()
        (failure,), (reply,) = harness.failures, replies(harness)
    assert "out of memory" in failure.error
    assert not reply.finished
    assert SEA.startswith(reply.text)


def test_alike_percepts_of_a_picture_are_counted_and_aged() -> None:
    percepts = (
        seen("person", 0.5, age=2),
        seen("person", 0.7, age=2),
        seen("person", 0.6, age=1, origin="back"),
        Percept("heard", "hello", 1.0, "mic", NOW + NS_PER_S),  # of a file that was played fast
    )
    facts = facts_of(WorldState(percepts), NOW)
    told = [(f.kind, f.text, f.score, f.age_s, f.count, f.source) for f in facts]
    assert told == [
        ("seen", "person", 0.7, 2.0, 2, "front"),
        ("seen", "person", 0.6, 1.0, 1, "back"),
        ("heard", "hello", 1.0, 0.0, 1, "mic"),
    ]
