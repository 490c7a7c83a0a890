"""Model cards, loss curves, and the comparison of strategies."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from training_tasks import ROWS, Sines, plan_of

from sensorium.errors import BadInput
from sensorium_agents.commands.evaluate import evaluate
from sensorium_models.metrics.rates import rate
from sensorium_models.store.files import sha256_of
from sensorium_models.training import Curriculum, Passes, Progress, Row, Stage, fit, write_card
from sensorium_models.training.comparison import COMPARISONS, compare
from sensorium_models.training.thumbnails import thumbnails
from sensorium_models.training.tree import load_tree, save_tree


def test_a_card_says_how_to_do_it_again_and_what_it_is_worth(tmp_path: Path) -> None:
    fitted = fit(Sines(), plan_of("averaged"), tmp_path, sampler=Passes(ROWS))
    write_card(
        tmp_path / "card.md", name="sines", about="Two curves.", command="sensorium train sines",
        data="240 points.", fitted=fitted, notes="A toy.", packages=["numpy", "no-such-package"],
        rows=[Row.of("right", rate([1] * 9 + [0]), "chance 50 %"),
              Row("error", 0.25, 240, percent=False)],
    )  # fmt: skip
    card = (tmp_path / "card.md").read_text()
    assert f"`{sha256_of(fitted.weights)}`" in card
    assert "| right | 90.0% | 59.6% to 98.2% | 10 | chance 50 % |" in card
    assert "| error | 0.25 |  | 240 |  |" in card
    assert "sensorium train sines" in card
    assert "seed 0" in card
    assert "146 parameters; 120 steps" in card
    assert f"numpy {np.__version__}, no-such-package not installed" in card


def test_curves_are_a_picture_with_its_stages(tmp_path: Path) -> None:
    from PIL import Image

    stages = Curriculum([Stage("one", steps=50), Stage("two")])
    seen: list[Progress] = []
    fit(Sines(), plan_of("plain"), tmp_path, sampler=Passes(ROWS), curriculum=stages,
        on_progress=seen.append)  # fmt: skip
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.size == (900, 360)
        colours = picture.convert("RGB").getcolors(100_000)
    assert colours is not None
    assert len(colours) > 50  # there is something drawn
    assert [at.step for at in seen] == list(range(1, 121))
    assert "two  loss" in seen[-1].line()
    assert "fit -" in seen[-1].line()


def test_a_tree_comes_back_as_it_was_and_what_cannot_be_kept_is_named(tmp_path: Path) -> None:
    tree = {"a": {0: torch.ones(2), "b": (1, 2.5, None, True)}, "c": [torch.tensor(3)], "d": "x"}
    save_tree(tmp_path / "it", tree)
    back = load_tree(tmp_path / "it")
    assert torch.equal(back["a"].pop(0), torch.ones(2))
    assert torch.equal(back.pop("c")[0], torch.tensor(3))
    assert back == {"a": {"b": (1, 2.5, None, True)}, "d": "x"}
    with pytest.raises(TypeError, match="/z is a set"):
        save_tree(tmp_path / "it", {"z": {1, 2}})
    assert not list(tmp_path.glob("*.partial"))


def test_thumbnails_are_the_same_each_time_and_easy_ones_come_first() -> None:
    data = thumbnails("train", 5, 5)
    assert (len(data), data.easy) == (10, 5)
    assert data.images.shape == (10, 3, 28, 28)
    rough = (data.images[:, :, 1:] - data.images[:, :, :-1]).abs().mean((1, 2, 3))
    assert float(rough[:5].max()) < float(rough[5:].min())  # noise is what makes one hard
    thumbnails.cache_clear()
    assert torch.equal(thumbnails("train", 5, 5).images, data.images)


def test_every_comparison_begins_with_training_without_the_strategy() -> None:
    assert set(COMPARISONS) == {
        "difficulty", "modalities", "balance", "weights", "steps", "stopping",
    }  # fmt: skip
    with pytest.raises(BadInput, match="no comparison speed: there are difficulty"):
        compare(["speed"], [0], print)


def test_a_comparison_runs_from_the_command_line() -> None:
    asked = ["strategies", "--only", "stopping", "--seeds", "1", "--json"]
    done = CliRunner().invoke(evaluate, asked, catch_exceptions=False)
    found = json.loads(done.stdout)["comparisons"]["stopping"]
    assert list(found["arms"]) == ["all the steps", "patience 4, best kept"]
    whole, stopped = found["arms"].values()
    assert stopped["steps"][0] <= whole["steps"][0] == 200
    assert stopped["gain"] == pytest.approx(stopped["right"][0] - whole["right"][0])
    assert "seed 0" in done.stderr
