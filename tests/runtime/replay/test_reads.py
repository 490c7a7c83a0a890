"""What a component's clock told its tasks, in whatever order they come to ask."""

from __future__ import annotations

from sensorium.replay.reads import Reads


def read(*told: tuple[int, int]) -> Reads:
    reads = Reads()
    for rank, at in told:
        reads.add(rank, at)
    return reads


def test_a_single_task_is_told_everything_in_order() -> None:
    reads = read((3, 30), (4, 40), (9, 90))
    assert [reads.take(done) for done in (2, 2, 7, 9)] == [30, 40, 90, None]


def test_what_another_task_has_done_meanwhile_leaves_a_reading_to_whom_it_belongs() -> None:
    reads = read((6, 60), (20, 200))
    assert reads.take(15) == 200  # it has done 15; the other one did 5 and asks only now
    assert reads.take(5) == 60
    assert reads.take(20) is None


def test_readings_that_nobody_asks_for_any_more_are_passed_over() -> None:
    reads = read(*((rank, rank * 10) for rank in range(1000)))
    assert [reads.take(done) for done in (499, 499, 898)] == [5000, 5010, 8990]
    assert [reads.take(-1) for _ in range(500)] == [rank * 10 for rank in range(500)]
    assert reads.take(-1) == 5020


def test_nothing_was_read() -> None:
    assert Reads().take(-1) is None
