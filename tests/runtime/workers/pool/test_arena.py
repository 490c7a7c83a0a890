"""Shared memory: slots never overlap, all come back, and neither side can crash the other."""

from __future__ import annotations

import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.workers.pool.arena import ALIGNMENT, Allocator, Outbox, Region, create_file

SIZE = 1 << 16


@given(st.lists(st.tuples(st.sampled_from("arfn"), st.integers(0, SIZE // 3)), max_size=80))
def test_slots_are_apart_and_all_come_back(steps: list[tuple[str, int]]) -> None:
    slots = Allocator(SIZE)
    held: dict[int, tuple[int, int]] = {}
    for what, number in steps:
        if what in "an":
            offset = slots.allocate(number)
            if offset is None:
                continue
            assert offset % ALIGNMENT == 0
            assert offset + number <= SIZE
            for other, (size, _) in held.items():
                assert offset + number <= other or other + size <= offset
            held[offset] = (max(number, 1), 1)
        elif held:
            offset = sorted(held)[number % len(held)]
            size, references = held[offset]
            if what == "r":
                slots.retain(offset)
                held[offset] = (size, references + 1)
            else:
                slots.release(offset)
                held[offset] = (size, references - 1)
                if references == 1:
                    del held[offset]
        assert slots.slots == len(held)
    for offset, (_, references) in held.items():
        for _ in range(references):
            slots.release(offset)
    assert slots.in_use == 0
    assert slots.allocate(SIZE) == 0  # in one piece again


def test_a_slot_that_is_not_held_cannot_be_released() -> None:
    slots = Allocator(SIZE)
    with pytest.raises(KeyError):
        slots.release(0)
    with pytest.raises(KeyError):
        slots.retain(64)


def test_both_sides_see_the_same_memory_and_only_one_writes() -> None:
    file = create_file(SIZE)
    reader = Region(os.dup(file), SIZE, writable=False)
    outbox = Outbox(Region(file, SIZE, writable=True))
    data = np.arange(1000, dtype=np.uint8)
    offset = outbox.put(data.data)
    assert offset is not None
    seen = reader.view(offset, 1000)
    assert bytes(seen) == data.tobytes()
    assert seen.readonly
    outbox.close()
    del seen
    reader.close()


def test_a_full_arena_says_so_and_counts_it() -> None:
    outbox = Outbox(Region(create_file(SIZE), SIZE, writable=True))
    large = np.zeros(SIZE // 2, np.uint8).data
    assert [outbox.put(large) is not None for _ in range(3)] == [True, True, False]
    assert outbox.refused == 1
    outbox.slots.release(0)
    assert outbox.put(large) == 0
    outbox.close()
    assert Outbox(None).put(large) is None


def test_nothing_outside_can_be_seen() -> None:
    region = Region(create_file(SIZE), SIZE, writable=False)
    for offset, size in ((-1, 1), (0, -1), (SIZE, 1), (1, SIZE), (2**70, 1)):
        with pytest.raises(ValueError, match="not inside"):
            region.view(offset, size)
    region.close()
    with pytest.raises(ValueError, match="not inside"):
        region.view(0, 1)


@pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="sealing is Linux's")
def test_the_memory_cannot_be_shrunk_under_the_other_side() -> None:
    file = create_file(SIZE)
    for size in (0, SIZE * 2):
        with pytest.raises(PermissionError):
            os.ftruncate(file, size)
    os.close(file)
