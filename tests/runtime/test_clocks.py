"""Clocks: virtual time moves in order and only when everybody waits."""

from __future__ import annotations

import asyncio

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


async def test_run_moves_time_when_all_is_idle_and_waits_while_somebody_works() -> None:
    clock = VirtualClock()
    loop = asyncio.get_running_loop()
    working: asyncio.Future[None] | None = loop.create_future()
    asked = asyncio.Event()

    def settled() -> asyncio.Future[None] | None:
        asked.set()
        return working

    running = asyncio.create_task(clock.run(settled))
    sleeper = asyncio.create_task(clock.sleep(3600))
    await asked.wait()
    assert clock.now() == 0
    done, working = working, None
    done.set_result(None)
    await asyncio.wait_for(sleeper, 5)
    assert clock.now() == 3600 * NS_PER_S
    running.cancel()
    await asyncio.wait([running])


async def test_run_waits_for_the_outside_world_when_nobody_sleeps() -> None:
    clock = VirtualClock()
    running = asyncio.create_task(clock.run(lambda: None))
    heard = asyncio.Event()
    asyncio.get_running_loop().call_later(0.005, heard.set)
    await asyncio.wait_for(heard.wait(), 5)
    assert clock.now() == 0
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])


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
