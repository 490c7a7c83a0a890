"""The listening arenas in ViZDoom: Gymnasium's checker, what is heard, rules, faults."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gymnasium
import numpy as np
import psutil
import pytest
from gymnasium.utils.env_checker import check_env
from vizdoom import ViZDoomErrorException, ViZDoomUnexpectedExitException

from sensorium.errors import BadInput, MissingDependency
from sensorium_agents.embodied import compose
from sensorium_sims import DOOM, doom
from sensorium_sims.direct import expert_of, run_direct
from sensorium_sims.doom.arena import DoomArena, DoomExpert, DoomGuesser, DoomSearcher
from sensorium_sims.doom.wad import RATE, SOUNDS, wave
from sensorium_sims.suite import play

if TYPE_CHECKING:
    from sensorium.plugins import Plugins

FIND = "sensorium/DoomFind-v0"


def made(task: Any = "Find", **options: Any) -> DoomArena:
    try:
        return DoomArena(task, **options)
    except MissingDependency as error:
        pytest.skip(str(error))


@pytest.fixture
def arena() -> Iterator[DoomArena]:
    env = made()
    yield env
    env.close()


@pytest.mark.parametrize("name", DOOM)
def test_gymnasium_s_checker_is_content(name: str) -> None:
    made()
    env = gymnasium.make(name, render_mode="rgb_array")
    check_env(env.unwrapped)
    env.close()


async def test_the_oracle_over_the_bus_does_as_in_a_plain_loop(plugins: Plugins) -> None:
    made()
    registry = plugins.environments
    settings = compose("oracle", {"id": FIND, "episodes": 4, "seed": 30}, plugins)
    over_bus = (await play(settings, plugins)).episodes
    plain = run_direct(FIND, expert_of(registry, FIND), episodes=4, seed=30, registry=registry)
    assert [e.success for e in over_bus] == [True] * 4
    assert [(e.actions, e.rewards) for e in over_bus] == [(e.actions, e.rewards) for e in plain]


def test_the_same_seed_is_seen_and_heard_the_same(arena: DoomArena) -> None:
    other = made()
    for seed in (7, 8):
        for env in (arena, other):
            env.reset(seed=1)  # whatever was before
            env.step(2)
        first, second = arena.reset(seed=seed)[0], other.reset(seed=seed)[0]
        for _ in range(5):
            assert np.array_equal(first["camera"], second["camera"])
            assert np.array_equal(first["audio"], second["audio"])
            first, second = arena.step(2)[0], other.step(2)[0]
    other.close()


def test_the_ear_that_is_nearer_hears_more(arena: DoomArena) -> None:
    agreed, asked = 0, 0
    for seed in range(30):
        loud = arena.reset(seed=seed)[0]["audio"].std(1)
        assert loud.max() > 0.01
        assert arena.layout is not None
        off = DoomExpert(arena).bearing
        if 30 < abs(off) < 150:
            asked += 1
            agreed += (loud[0] > loud[1]) == (off > 0)
    assert asked > 10
    assert agreed == asked


def test_what_is_told_has_no_place_and_names_a_colour() -> None:
    env = made("Told")
    heard: dict[str, Any] = {}
    for seed in range(40):
        ears = env.reset(seed=seed)[0]["audio"]
        layout = env.layout
        assert layout is not None
        assert len(set(layout.colours)) == 4
        assert SOUNDS[layout.target] == layout.sound
        assert ears[0].std() == pytest.approx(ears[1].std(), rel=0.01)
        heard[layout.sound] = np.abs(np.fft.rfft(ears[0])).argmax()
    env.close()
    assert len(set(heard.values())) == len(heard) == 4


def test_a_sound_goes_on_without_a_seam() -> None:
    for name in ("hum", "ring", "siren"):
        sound = wave(name)
        assert sound.shape == (RATE,)
        assert abs(sound[0] - sound[-1]) <= 1.01 * np.abs(np.diff(sound)).max()
    with pytest.raises(ValueError, match="no sound 'moo'"):
        wave("moo")


def test_who_cannot_hear_can_only_guess() -> None:
    env = made(without=("audio",))
    won = {DoomGuesser: 0, DoomSearcher: 0}
    for teacher in won:
        for seed in range(40):
            observation, _ = env.reset(seed=seed)
            assert not observation["audio"].any()
            acting, over, info = teacher(env), False, {"is_success": False, "wrong_object": False}
            while not over:
                _, _, terminated, truncated, info = env.step(acting.act(None))
                over = terminated or truncated
            assert info["is_success"] != info["wrong_object"], (teacher, seed)
            won[teacher] += info["is_success"]
    env.close()
    assert won[DoomSearcher] == 40
    assert 3 <= won[DoomGuesser] <= 19  # 10 expected


def test_deaf_it_needs_no_sound_library(monkeypatch: Any) -> None:
    monkeypatch.setattr(doom, "OPENAL", "libopenal-is-not-here.so.1")
    with pytest.raises(MissingDependency, match="sudo apt install libopenal1"):
        DoomArena("Find")
    env = DoomArena("Find", without=("audio",))
    env.reset(seed=0)
    env.close()


def test_a_game_that_is_killed_leaves_nothing(arena: DoomArena, monkeypatch: Any) -> None:
    folder = Path(tempfile.mkdtemp())
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    before = children()
    arena.reset(seed=0)
    (game,) = children() - before
    assert len(list(folder.iterdir())) == 1
    os.kill(game, signal.SIGKILL)
    with pytest.raises((ViZDoomErrorException, ViZDoomUnexpectedExitException)):
        arena.step(2)
    arena.close()
    assert children() == before
    assert list(folder.iterdir()) == []
    assert arena.reset(seed=0)[0]["camera"].any()  # a fresh one


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs util-linux's setpriv")
def test_the_game_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    made()
    play = "from sensorium_sims.doom.game import Game; game = Game(sound=False)"
    wait = "print('runs', flush=True); input()"
    command = [sys.executable, "-c", f"{play}; {wait}"]
    own = {**os.environ, "TMPDIR": str(tmp_path)}  # a killed process leaves its folder
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, env=own) as player:
        assert player.stdout is not None
        assert player.stdout.readline() == b"runs\n"
        (game,) = psutil.Process(player.pid).children()
        assert game.is_running()
        player.kill()
    _, alive = psutil.wait_procs([game], timeout=5)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def children() -> set[int]:
    listed = Path("/proc/self/task").glob("*/children")
    return {int(pid) for path in listed for pid in path.read_text().split()}


def test_what_is_outside_is_refused(arena: DoomArena) -> None:
    with pytest.raises(BadInput, match="reset"):
        arena.step(0)
    arena.reset(seed=0)
    for action in (3, -1, "left", None):
        with pytest.raises(BadInput, match="not one of 0 to 2"):
            arena.step(action)  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="task of DoomArena"):
        DoomArena("Hide")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="max_steps"):
        DoomArena(max_steps=0)
