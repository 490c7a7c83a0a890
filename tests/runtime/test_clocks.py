"""Clocks: virtual time moves in order and only when everybody waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.clocks import VirtualClock, WallClock, tasks_blocked
from sensorium.events import NS_PER_MS, NS_PER_S

pytestmark = pytest.mark.usefixtures("no_tasks")


async def test_time_stands_still_until_it_is_moved() -> None:
    clock = VirtualClock(start=7)
    sleeper = asyncio.ensure_future(clock.sleep(1))
    await tasks_blocked()
    assert clock.now() == 7
    assert not sleeper.done()
    await clock.advance(0.999_999_999)
    assert not sleeper.done()
    await clock.advance(0.000_000_001)
    assert sleeper.done()
    assert clock.now() == 7 + NS_PER_S


@given(st.lists(st.integers(0, 20), max_size=12), st.integers(0, 25))
def test_sleepers_wake_at_their_time_in_order(delays: list[int], until: int) -> None:
    async def scenario() -> tuple[list[tuple[int, int, int]], int]:
        clock = VirtualClock()
        woken: list[tuple[int, int, int]] = []

        async def sleeper(index: int, delay: int) -> None:
            await clock.sleep_until(delay * NS_PER_MS)
            woken.append((delay, index, clock.now()))

        tasks = [asyncio.create_task(sleeper(i, delay)) for i, delay in enumerate(delays)]
        await clock.advance(until / 1000)
        now = clock.now()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        return woken, now

    woken, now = asyncio.run(scenario())
    due = [(d, i) for i, d in enumerate(delays) if d <= until]
    assert [(delay, index) for delay, index, _ in woken] == sorted(due)
    assert all(at == delay * NS_PER_MS for delay, _, at in woken)
    assert now == until * NS_PER_MS


async def test_what_a_sleeper_starts_is_done_before_time_goes_on() -> None:
    clock = VirtualClock()
    ticks: list[int] = []

    async def ticking() -> None:
        while True:
            await clock.sleep(0.1)
            for _ in range(5):  # several turns of the loop at one instant
                await asyncio.sleep(0)
            ticks.append(clock.now() // NS_PER_MS)

    task = asyncio.create_task(ticking())
    await clock.advance(0.55)
    assert ticks == [100, 200, 300, 400, 500]
    task.cancel()
    await asyncio.wait([task])


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = VirtualClock()
    first = asyncio.create_task(clock.sleep(1))
    second = asyncio.create_task(clock.sleep(2))
    await tasks_blocked()
    assert clock.next_wake == NS_PER_S
    first.cancel()
    await asyncio.wait([first])
    assert clock.next_wake == 2 * NS_PER_S
    await clock.advance(5)
    assert second.done()
    assert not second.cancelled()
    assert clock.next_wake is None
    assert clock.now() == 5 * NS_PER_S


async def test_a_time_that_has_passed_is_not_waited_for() -> None:
    clock = VirtualClock(start=NS_PER_S)
    await asyncio.wait_for(clock.sleep_until(3), 1)
    await asyncio.wait_for(clock.sleep(-1), 1)
    assert clock.now() == NS_PER_S


@asynccontextmanager
async def running(clock: VirtualClock, *, speed: float | None = None) -> AsyncIterator[None]:
    task = asyncio.create_task(clock.run(speed=speed))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_run_moves_time_when_all_is_idle_and_waits_while_somebody_works() -> None:
    clock = VirtualClock()
    async with running(clock):
        with clock.hold():
            sleeper = asyncio.create_task(clock.sleep(3600))
            worked = asyncio.get_running_loop().create_future()
            asyncio.get_running_loop().call_later(0.005, worked.set_result, None)
            await worked
            assert clock.now() == 0
            assert not sleeper.done()
        await asyncio.wait_for(sleeper, 5)
        assert clock.now() == 3600 * NS_PER_S


async def test_run_waits_for_the_outside_world_when_nobody_sleeps() -> None:
    clock = VirtualClock()
    async with running(clock):
        heard = asyncio.Event()
        asyncio.get_running_loop().call_later(0.005, heard.set)
        await asyncio.wait_for(heard.wait(), 5)
        assert clock.now() == 0


async def test_time_does_not_run_for_a_sleeper_in_the_background() -> None:
    clock = VirtualClock()
    ticks: list[int] = []

    async def report() -> None:
        while True:
            await clock.sleep(1, background=True)
            ticks.append(clock.now() // NS_PER_S)

    reporting = asyncio.create_task(report())
    async with running(clock):
        await tasks_blocked()
        assert ticks == []
        await asyncio.wait_for(clock.sleep(2.5), 5)
        assert ticks == [1, 2]
    reporting.cancel()
    await asyncio.wait([reporting])


async def test_run_at_a_speed_keeps_to_real_time() -> None:
    clock, loop = VirtualClock(), asyncio.get_running_loop()
    async with running(clock, speed=100.0):
        began = loop.time()
        await clock.sleep(2)
        assert loop.time() - began >= 0.02


async def test_at_one_instant_sleepers_take_turns_by_rank() -> None:
    clock = VirtualClock()
    said: list[str] = []

    async def speak(rank: int, *, again: int | None = None) -> None:
        await clock.in_turn(NS_PER_S, rank)
        said.append(str(rank))
        if again is not None:
            await clock.in_turn(0, again)  # the instant has come already
            said.append(str(again))

    tasks = [asyncio.create_task(speak(rank)) for rank in (4, 2)]
    tasks.append(asyncio.create_task(speak(1, again=3)))
    await clock.advance(1)
    assert said == ["1", "2", "3", "4"]
    await asyncio.wait(tasks)


async def test_a_time_limit_is_on_the_clock() -> None:
    clock = VirtualClock()
    async with running(clock):
        with pytest.raises(TimeoutError):
            async with clock.timeout(30):
                await asyncio.get_running_loop().create_future()
        assert clock.now() == 30 * NS_PER_S
        async with clock.timeout(30):
            await clock.sleep(29)
        async with clock.timeout(None):
            await clock.sleep(60)


class ByHand(VirtualClock):
    """Sleepers wake when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.rings = asyncio.get_running_loop().create_future()

    async def sleep_until(self, when: int, *, background: bool = False) -> None:
        await self.rings


async def test_who_is_to_wake_after_the_time_limit_has_lost_even_in_the_same_turn() -> None:
    clock, answer = ByHand(), asyncio.get_running_loop().create_future()
    answers = []

    async def ask() -> None:
        async with clock.timeout(30):
            answers.append(await answer)

    asking = asyncio.create_task(ask())
    await tasks_blocked()
    clock.rings.set_result(None)
    answer.set_result("there, but not taken yet")
    with pytest.raises(TimeoutError):
        await asking
    assert not answers


async def test_only_the_time_limit_that_ends_makes_a_timeout() -> None:
    clock = VirtualClock()

    async def nested() -> None:
        async with clock.timeout(30), clock.timeout(60):
            await asyncio.get_running_loop().create_future()

    stopped, limited = asyncio.create_task(nested()), asyncio.create_task(nested())
    await tasks_blocked()
    stopped.cancel()
    await clock.advance(30)
    with pytest.raises(asyncio.CancelledError):
        await stopped
    with pytest.raises(TimeoutError):
        await limited
    assert limited.cancelling() == 0


async def test_a_time_limit_on_the_machines_clock() -> None:
    with pytest.raises(TimeoutError):
        async with WallClock().timeout(0):
            await asyncio.get_running_loop().create_future()


async def test_two_that_wait_for_all_others_to_block_do_not_wait_for_each_other() -> None:
    await asyncio.wait_for(asyncio.gather(tasks_blocked(), tasks_blocked()), 5)


async def test_what_waits_for_tasks_that_have_ended_does_not_count_as_blocked() -> None:
    steps = []

    async def nested(depth: int) -> None:
        if depth:
            await asyncio.wait([asyncio.create_task(nested(depth - 1))])
            await asyncio.gather(asyncio.shield(asyncio.sleep(0)))
        steps.append(depth)

    task = asyncio.create_task(nested(5))
    await tasks_blocked()
    assert task.done()
    assert steps == [0, 1, 2, 3, 4, 5]


async def test_the_wall_clock_sleeps_until_its_time_has_come() -> None:
    clock = WallClock()
    when = clock.now() + 5 * NS_PER_MS
    await clock.sleep_until(when)
    assert clock.now() >= when
    await asyncio.wait_for(clock.sleep_until(0), 1)


async def test_the_wall_clock_sleeps_on_when_a_timer_is_early(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    times = iter([1_000, 1_999, 2_000])
    monkeypatch.setattr("sensorium.clocks.time.time_ns", lambda: next(times))
    await WallClock().sleep_until(2_000)
    assert next(times, None) is None


async def test_a_paced_clock_that_somebody_begins_to_hold_stands_still() -> None:
    clock, loop = VirtualClock(), asyncio.get_running_loop()
    async with running(clock, speed=100.0):
        sleeper = asyncio.create_task(clock.sleep(1))  # 10 ms
        await asyncio.sleep(0)
        held, over = clock.hold(), asyncio.Event()
        loop.call_later(0.002, held.__enter__)
        loop.call_later(0.03, over.set)
        await over.wait()
        assert clock.now() == 0
        held.__exit__(None, None, None)
        await sleeper
    assert clock.now() == NS_PER_S


async def test_a_paced_clock_does_not_go_to_where_nobody_sleeps_any_more() -> None:
    clock, loop = VirtualClock(), asyncio.get_running_loop()
    async with running(clock, speed=100.0):
        sleeper = asyncio.create_task(clock.sleep(1))
        await asyncio.sleep(0)
        loop.call_later(0.002, sleeper.cancel)
        over = asyncio.Event()
        loop.call_later(0.03, over.set)
        await over.wait()
        assert sleeper.cancelled()
        assert clock.now() == 0


async def test_those_of_one_step_wake_before_anything_comes_of_the_first() -> None:
    clock = VirtualClock()
    seen: list[str] = []
    followed = asyncio.Event()

    async def first() -> None:
        await clock.in_turn(5, 1, step=7)
        seen.append("first")
        followed.set()

    async def what_comes_of_it() -> None:
        await followed.wait()
        seen.append("what came of it")

    async def then(rank: int, step: int, name: str) -> None:
        await clock.in_turn(rank + 4, rank, step=step)
        seen.append(name)

    works = [what_comes_of_it(), then(3, 8, "another step"), then(2, 7, "second"), first()]
    tasks = [asyncio.create_task(work) for work in works]
    await clock.advance(1)
    await asyncio.gather(*tasks)
    assert seen == ["first", "second", "what came of it", "another step"]


async def test_what_another_loop_is_doing_makes_nobody_seem_to_wait() -> None:
    """Somebody in tasks_blocked on another thread's loop does not count on this one."""
    ready, over = threading.Event(), threading.Event()

    async def never_blocked() -> None:
        async def busy() -> None:
            while not over.is_set():
                await asyncio.sleep(0)

        working = asyncio.create_task(busy())
        waiting = asyncio.create_task(tasks_blocked())
        await asyncio.sleep(0)
        ready.set()
        await working
        await waiting

    other = threading.Thread(target=lambda: asyncio.run(never_blocked()))
    other.start()
    ready.wait(5)
    steps = 0

    async def work() -> None:
        nonlocal steps
        for steps in range(1, 51):  # noqa: B007
            await asyncio.sleep(0)

    working = asyncio.create_task(work())
    await tasks_blocked()
    over.set()
    other.join(5)
    assert steps == 50
    await working
