"""Demonstrations by worker processes: in shards, whatever the expert and the processes do."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from teaching_room import DIES, DIES_ONCE, LOOPS, RAISES, STUCK

from sensorium.errors import BadInput, SimulationError
from sensorium.plugins import load_plugins
from sensorium_models.policies import crew
from sensorium_models.policies.crew import gather
from sensorium_models.policies.demonstrations import SEEDS, SHARD
from sensorium_sims.direct import expert_of, run_direct

if TYPE_CHECKING:
    from sensorium_models.policies.demonstrations import Demonstrations

LEVEL = "BabyAI-GoToRedBallNoDists-v0"
WRONG = SHARD // 10


@pytest.fixture
def hired(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Any]:
    """Every worker process that is started; they find the plugin beside this file."""
    started: list[Any] = []
    hire = crew._hire

    async def remembered() -> Any:
        started.append(await hire())
        return started[-1]

    monkeypatch.setattr(crew, "_hire", remembered)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "support"))
    monkeypatch.setenv("ROOM_FLAG", str(tmp_path / "flag"))
    return started


def room(trouble: int, folder: Path, count: int = SHARD, workers: int = 1) -> Demonstrations:
    level, modules = f"lab/Room{trouble}-v0", ["teaching_room"]
    return gather(level, count, 0, folder / "shards", workers=workers, modules=modules)


def left_alone(started: list[Any]) -> bool:
    """Whether none of the processes is there any more."""
    return not any(Path(f"/proc/{worker.pid}").exists() for worker in started)


def test_shards_are_what_the_expert_does_in_a_plain_loop(tmp_path: Path) -> None:
    told: list[Any] = []
    first = gather(LEVEL, 150, 1, tmp_path, on_shard=lambda *at: told.append(at))
    (shard,) = tmp_path.iterdir()
    written = shard.stat().st_mtime_ns
    again = gather(LEVEL, 450, 1, tmp_path, workers=2, on_shard=lambda *at: told.append(at))
    assert shard.stat().st_mtime_ns == written
    assert len(list(tmp_path.iterdir())) == 3
    assert told == [(150, 150), (200, 450), (400, 450), (450, 450)]
    assert (len(first), len(again)) == (150, 450)
    assert np.array_equal(first.views, again.views[: len(first.views)])
    registry = load_plugins().environments
    plain = run_direct(LEVEL, expert_of(registry, LEVEL), episodes=20, seed=2 * SEEDS,
                       registry=registry)  # fmt: skip
    assert [len(episode.actions) for episode in plain] == first.lengths[:20].tolist()
    words = ("left", "right", "forward", "pickup", "drop", "toggle", "done")
    done = [words[action] for action in first.actions]
    assert [word for episode in plain for word in episode.actions] == done[
        : first.lengths[:20].sum()
    ]


def test_the_number_of_workers_changes_nothing(tmp_path: Path, hired: list[Any]) -> None:
    one = room(0, tmp_path / "one", 600)
    three = room(0, tmp_path / "three", 600, workers=3)
    assert len(hired) == 4
    assert left_alone(hired)
    assert np.array_equal(one.views, three.views)
    assert np.array_equal(one.actions, three.actions)
    assert len(one) == 600 - 3 * WRONG
    assert one.counts["left_out"] == 3 * WRONG
    assert set(one.actions) == {3}


@pytest.mark.parametrize("trouble", [LOOPS, RAISES])
def test_an_expert_that_loops_or_raises_costs_one_episode(
    trouble: int, tmp_path: Path, hired: list[Any]
) -> None:
    shown = room(trouble, tmp_path)
    assert (tmp_path / "flag").exists()  # it did
    assert len(hired) == 1
    assert shown.counts["left_out"] == WRONG + 1


def test_a_worker_that_no_signal_reaches_is_replaced(
    tmp_path: Path, hired: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crew, "SILENT_S", 1.5)
    shown = room(STUCK, tmp_path)
    assert (tmp_path / "flag").exists()
    assert len(hired) == 2
    assert shown.counts["left_out"] == WRONG + 1
    assert left_alone(hired)


def test_a_worker_that_dies_is_replaced_and_one_that_always_dies_named(
    tmp_path: Path, hired: list[Any]
) -> None:
    shown = room(DIES_ONCE, tmp_path)
    assert len(hired) == 2
    assert shown.counts["left_out"] == WRONG
    with pytest.raises(SimulationError, match=r"Room13-v0.*died 3 times"):
        room(DIES, tmp_path / "always")
    assert len(hired) == 2 + crew.TRIES
    assert left_alone(hired)
    assert not list((tmp_path / "always" / "shards").iterdir())


def test_without_whoever_hired_it_a_worker_ends(tmp_path: Path, hired: list[Any]) -> None:
    import asyncio

    async def walk_out() -> int:
        worker = await crew._hire()
        worker.stdin.close()  # what the death of its parent does
        return await asyncio.wait_for(worker.wait(), 30)

    assert asyncio.run(walk_out()) == 0


def test_a_shard_that_is_damaged_is_named(tmp_path: Path) -> None:
    gather(LEVEL, 5, 0, tmp_path)
    (shard,) = tmp_path.iterdir()
    shard.write_bytes(shard.read_bytes()[:100])
    with pytest.raises(BadInput, match=shard.name):
        gather(LEVEL, 5, 0, tmp_path)


def test_what_cannot_be_shown_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="1,000,000"):
        gather(LEVEL, SEEDS + 1, 0, tmp_path)
    with pytest.raises(SimulationError, match=r"CartPole-v1.*no expert"):
        gather("CartPole-v1", 5, 0, tmp_path)
    with pytest.raises(BadInput, match="7"):
        gather("sensorium/AVWorld-Refer-v0", 5, 0, tmp_path)
    with pytest.raises(BadInput, match="worker"):
        gather(LEVEL, 5, 0, tmp_path, workers=0)
    assert not list(tmp_path.iterdir())
