"""The listening policy: its senses, its network, its teaching, its weights."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from sensorium.errors import BadInput, MissingDependency, ModelError, ModelUnavailable
from sensorium_models.policies.doom.model import DoomPolicy, DoomPolicyOptions
from sensorium_models.policies.doom.network import (
    BANDS,
    RATE,
    SEEN,
    DoomNetwork,
    hear,
    see,
    understand,
)
from sensorium_models.policies.doom.training import Plan, teach
from sensorium_sims.doom.arena import DoomArena

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = {"camera": None, "ears": None, "mission": "", "last": None, "memory": None}


def tone(hertz: float) -> Any:
    return 0.3 * np.sin(2 * np.pi * hertz * np.arange(1260) / RATE).astype(np.float32)


def test_hearing_tells_ears_and_pitches_apart() -> None:
    silence = np.zeros(1260, np.float32)
    left = hear(np.stack([tone(440), silence])).reshape(2, BANDS)
    assert left[0].max() > left[1].max() + 1
    high = hear(np.stack([tone(3000), tone(3000)])).reshape(2, BANDS)
    assert left[0].argmax() < high[0].argmax()
    assert high[0] == pytest.approx(high[1])
    assert np.isfinite(hear(np.zeros((2, 1260), np.float32))).all()


def test_seeing_keeps_the_horizon_at_half_its_size() -> None:
    camera = np.zeros((120, 160, 3), np.uint8)
    camera[60:64, 80:84] = (10, 200, 30)
    seen = see(camera)
    assert (seen.shape, seen.dtype) == (SEEN, np.uint8)
    rows, columns = np.nonzero(seen[:, :, 1])
    assert set(columns) == {40, 41}
    assert len(set(rows)) == 2
    assert seen[rows[0], 40].tolist() == [10, 200, 30]


def test_the_two_tasks_are_told_apart_by_their_words() -> None:
    from sensorium_sims.doom.arena import MISSIONS

    assert [understand(MISSIONS["Find"]), understand(MISSIONS["Told"]), understand("")] == [
        0,
        1,
        0.5,
    ]


def test_memory_carries_an_episode_on() -> None:
    """Steps one by one give what all of them at once give."""
    torch.manual_seed(0)
    network, asked = DoomNetwork().eval(), torch.tensor([1.0])
    seen = torch.randint(0, 256, (1, 6, *SEEN), dtype=torch.uint8)
    heard, last = torch.rand(1, 6, 2 * BANDS), torch.tensor([[3, 0, 1, 2, 2, 0]])
    at_once, _, _ = network(seen, heard, last, asked, torch.zeros(1, 1, 128))
    memory, singly = torch.zeros(1, 1, 128), []
    for step in range(6):
        now = slice(step, step + 1)
        logits, memory, _ = network(seen[:, now], heard[:, now], last[:, now], asked, memory)
        singly.append(logits)
    assert torch.allclose(torch.cat(singly, 1), at_once, atol=1e-5)


def test_teaching_is_the_same_each_time_and_changes_something() -> None:
    try:
        DoomArena("Find")
    except MissingDependency as error:
        pytest.skip(str(error))
    plan = Plan(demonstrations=3, rounds=1, corrected=1, updates=1)
    said: list[Any] = []
    first = teach("Find", hearing=True, seed=1, plan=plan, on_progress=said.append)
    again = teach("Find", hearing=True, seed=1, plan=plan)
    assert (first.episodes, first.updates) == (4, 3)
    assert [at.part for at in said] == ["demonstrations", "round 1"]
    torch.manual_seed(1)
    untaught = DoomNetwork().state_dict()
    for name, weights in first.network.state_dict().items():
        assert torch.equal(weights, again.network.state_dict()[name])
        assert not torch.equal(weights, untaught[name])


def test_the_model_answers_each_request_by_itself(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    path = tmp_path / "some.safetensors"
    save_file(DoomNetwork().state_dict(), path)
    model = DoomPolicy(DoomPolicyOptions(weights=str(path)))
    with pytest.raises(ModelError, match="load"):
        model.infer([])
    model.load("cpu")
    model.warm_up()
    rng = np.random.default_rng(0)
    moment: Any = {
        "camera": rng.integers(0, 256, (120, 160, 3)).astype(np.uint8),
        "ears": rng.normal(0, 0.1, (2, 1260)).astype(np.float32),
        "mission": "go to the pillar that sounds", "last": 1,
        "memory": rng.normal(0, 1, 128).astype(np.float32),
    }  # fmt: skip
    both = model.infer([moment, NOTHING])  # type: ignore[list-item]
    (alone,) = model.infer([moment])
    assert both[0]["action"] == alone["action"] in (0, 1, 2)
    assert both[0]["memory"] == pytest.approx(alone["memory"], abs=1e-5)
    for key, value in (("camera", np.zeros((4, 4, 3), np.uint8)), ("last", 7),
                       ("ears", np.zeros(9, np.float32))):  # fmt: skip
        with pytest.raises(BadInput):
            model.infer([{**moment, key: value}])


def test_weights_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "bad.safetensors").write_bytes(b"no weights")
    for name in ("bad", "absent"):
        options = DoomPolicyOptions(weights=str(tmp_path / f"{name}.safetensors"))
        with pytest.raises(ModelUnavailable, match=name):
            DoomPolicy(options).load("cpu")
