from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import av
import numpy as np
import pytest
from click.testing import CliRunner

from sensorium.cli.replay import replay
from sensorium.errors import OutputFailed, UnknownName
from sensorium.recording.reader import open_recording
from sensorium_agents.commands.sim import sim

if TYPE_CHECKING:
    from pathlib import Path

KEYS = {
    "env", "agent", "episodes", "seed", "success_rate", "ci95", "spl", "soft_spl", "sna",
    "mean_steps", "hangs", "missed_deadlines", "step_ms", "versions",
}  # fmt: skip


def invoke(*arguments: Any) -> Any:
    result = CliRunner().invoke(sim, [str(a) for a in arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_list_shows_families_and_spells_them_out() -> None:
    shown = invoke("list").stdout
    assert "BabyAI-*" in shown
    assert "(96 ids)" in shown
    assert "sensorium/AVWorld-Refer-v0" in shown
    assert "BabyAI-GoToLocal-v0" in invoke("list", "BabyAI-GoTo*").stdout
    told = json.loads(invoke("list", "sensorium/AVWorld-*", "--json").stdout)
    assert len(told) == 6
    assert all(entry["expert"] and entry["plugin"] == "bundled" for entry in told.values())


def test_run_prints_one_object_and_progress_beside_it() -> None:
    result = invoke(
        "run", "BabyAI-GoToLocal-v0", "--agent", "oracle", "--episodes", 6, "--seed", 1, "--json"
    )
    told = json.loads(result.stdout)
    assert told.keys() == KEYS
    assert (told["env"], told["agent"], told["episodes"]) == ("BabyAI-GoToLocal-v0", "oracle", 6)
    assert told["success_rate"] == 1.0
    assert told["step_ms"].keys() == {"p50", "p99"}
    assert "6/6" in result.stderr
    assert "success" in result.stderr


def test_the_same_seed_gives_the_same_numbers() -> None:
    def told() -> Any:
        run = ("run", "sensorium/AVWorld-AudioGoal-v0", "--agent", "bearing_follower", "--json")
        result = json.loads(invoke(*run, "--episodes", 3, "--option", "rooms=1").stdout)
        return {key: value for key, value in result.items() if key != "step_ms"}

    assert told() == told()


def test_run_in_words() -> None:
    shown = invoke(
        "run",
        "CartPole-v1",
        "--episodes",
        2,
        "--max-steps",
        5,
        "--option",
        "sutton_barto_reward=true",
    ).stdout
    assert "random in CartPole-v1, 2 episodes" in shown
    assert "steps      5.0 an episode" in shown


def test_a_film_holds_every_frame_and_the_sound(tmp_path: Path) -> None:
    path = tmp_path / "refer.mp4"
    told = json.loads(
        invoke(
            "run", "sensorium/AVWorld-Refer-v0", "--agent", "oracle", "--episodes", 2,
            "--max-steps", 6, "--video", path, "--json",
        ).stdout
    )  # fmt: skip
    with av.open(str(path)) as film:
        frames = [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)]
        assert film.streams.video[0].average_rate == 5
    with av.open(str(path)) as film:
        sound = np.concatenate([frame.to_ndarray() for frame in film.decode(audio=0)], axis=1)
        assert film.streams.audio[0].rate == 16_000
    steps = round(told["mean_steps"] * 2)
    assert len(frames) == steps + 2  # and what each reset showed
    assert frames[0].shape == (256, 512, 3)
    assert frames[0].std() > 10
    assert sound.shape[0] == 2
    assert sound.shape[1] / 16_000 == pytest.approx(len(frames) / 5, abs=0.3)
    assert sound.std() > 0.001


def test_an_agent_s_settings_file(tmp_path: Path) -> None:
    """Its sensors give way to the environment; what perceives and plans stays."""
    (tmp_path / "planner.py").write_text(
        "from sensorium import Image, Input, Output, Planner, hookimpl\n"
        "from sensorium.payloads.acting import Plan\n"
        "from sensorium_sims.bridge.payloads import Observed\n"
        "class Walks(Planner):\n"
        '    """Stops when it has seen three pictures."""\n'
        "    takes = {'image': Input('camera/+/image', Image),\n"
        "             'turn': Input('sim/+/+/observed', Observed)}\n"
        "    gives = {'plan': Output('plan/+/+', Plan)}\n"
        "    pictures = 0\n"
        "    async def process(self, event, emit):\n"
        "        if isinstance(event.payload, Image):\n"
        "            self.pictures += 1\n"
        "        elif not event.payload.final:\n"
        "            step = 'stop' if self.pictures == 3 else 'forward'\n"
        "            await emit(Plan('walk', (step,)), topic='plan/environment/0')\n"
        "@hookimpl\n"
        "def sensorium_register_planners(registry):\n"
        "    registry.add('walks', Walks)\n"
    )
    (tmp_path / "agent.toml").write_text(
        "[plugins]\nmodules = ['planner.py']\n[components.camera]\n[components.walks]\n"
    )
    told = json.loads(
        invoke(
            "run", "sensorium/AVWorld-Refer-v0", "--agent", tmp_path / "agent.toml",
            "--episodes", 1, "--json", "--full",
        ).stdout
    )  # fmt: skip
    assert told["mean_steps"] == 3
    assert told["failed"] == {}


@pytest.mark.parametrize("count", [1, 2])
def test_a_recording_replays_to_the_same_actions(tmp_path: Path, count: int) -> None:
    path = tmp_path / "session.mcap"
    run = ("run", "BabyAI-GoToLocal-v0", "--agent", "oracle", "--episodes", 3, "--json")
    told = json.loads(invoke(*run, "--count", count, "--record", path).stdout)
    with open_recording(path) as recording:
        done = [event.payload for event in recording.events(topics=["effects/#"])]
    acted = [effect.request["action"] for effect in done if effect.state == "done"]
    assert len(acted) == round(3 * told["mean_steps"])
    result = CliRunner().invoke(replay, [str(path), "--json"], catch_exceptions=False)
    assert json.loads(result.stdout)["divergence"] is None
    assert result.exit_code == 0


def test_free_running_counts_missed_deadlines() -> None:
    told = json.loads(
        invoke(
            "run", "CartPole-v1", "--episodes", 1, "--rate", 500, "--max-steps", 5, "--json"
        ).stdout
    )
    assert told["mean_steps"] == 5
    assert told["missed_deadlines"] >= 0


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (["CartPole-v9"], UnknownName, "no environment named 'CartPole-v9'"),
        (["CartPole-v1", "--agent", "orcale"], UnknownName, "Did you mean 'oracle'"),
        (["CartPole-v1", "--video", "film.gif"], OutputFailed, "films are .mp4 files"),
        (["CartPole-v1", "--video", "no/such/film.mp4"], OutputFailed, "there is no folder"),
        (["CartPole-v1", "--record", "session.mp4"], OutputFailed, "recordings are .mcap files"),
        (["CartPole-v1", "--record", "no/such.mcap"], OutputFailed, "there is no folder"),
    ],
)
def test_mistakes_are_said_before_the_run(
    arguments: list[str], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        CliRunner().invoke(sim, ["run", *arguments], catch_exceptions=False)


def test_options_must_be_pairs() -> None:
    result = CliRunner().invoke(sim, ["run", "CartPole-v1", "--option", "rooms"])
    assert result.exit_code == 2
    assert "is not KEY=VALUE" in result.stderr
