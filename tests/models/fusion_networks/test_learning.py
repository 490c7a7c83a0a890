"""What is learnt where the information is, how it is measured, and its file."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from sensorium.errors import BadInput, ModelUnavailable, UnknownName
from sensorium_agents.commands.evaluate import evaluate
from sensorium_agents.commands.train import train
from sensorium_models.fusion_networks.evaluation import compare, data_of, measured, table
from sensorium_models.fusion_networks.learning import (
    PLAN,
    Described,
    Learning,
    load_fusion,
    right,
    save_fusion,
)
from sensorium_models.fusion_networks.network import FusionNetwork
from sensorium_models.fusion_networks.robustness import (
    LEVELS,
    effective_robustness,
    relative_robustness,
    scaled,
)
from sensorium_models.fusion_networks.worlds import FusionData, Rows, vectors
from sensorium_models.training import Passes, fit
from sensorium_models.training.tree import same


def learnt(task: str, kind: str, folder: Path, drop: float = 0.0, steps: int = 80) -> FusionNetwork:
    data = vectors(task)
    plan = dataclasses.replace(PLAN, steps=steps, evaluate_every=None)
    learning = Learning(data, kind, drop=drop)
    fitted = fit(learning, plan, folder, sampler=Passes(len(data.train)), curves=False)
    assert isinstance(fitted.network, FusionNetwork)
    return fitted.network


def share(network: FusionNetwork, rows: Rows) -> float:
    return float(right(network, rows).float().mean())


def test_tensors_know_what_late_fusion_cannot(tmp_path: Path) -> None:
    data = vectors("synergy")
    late = share(learnt("synergy", "late", tmp_path / "late"), data.test)
    tensor = share(learnt("synergy", "tensor", tmp_path / "tensor"), data.test)
    assert late < 0.35
    assert tensor > late + 0.2


def test_modality_dropout_makes_a_missing_modality_cheap(tmp_path: Path) -> None:
    data = vectors("redundant")
    found = measured(learnt("redundant", "low_rank", tmp_path, drop=0.3, steps=160), data.test)
    assert found["accuracy"] > 0.84
    assert all(without > found["accuracy"] - 0.12 for without in found["without"].values())
    assert found["noise"][0] == found["missing"][0] == found["accuracy"]
    assert found["noise"][0] > found["noise"][5] > found["noise"][10] > data.chance
    assert found["missing"][10] > 0.7  # one of three is left


def test_tasks_hold_what_they_say() -> None:
    def best(data: FusionData, names: list[str]) -> float:
        """The share that the commonest label of each combination of codes gets right."""
        codes = []
        for name in names:
            values = data.test.inputs[name] - data.test.inputs[name].mean(0)
            _, _, axes = torch.linalg.svd(values, full_matrices=False)
            codes.append((values @ axes[0] > 0).long())  # two codes lie on both sides of the mean
        joint = sum(code * 2**at for at, code in enumerate(codes))
        assert isinstance(joint, torch.Tensor)
        hits = 0
        for value in set(joint.tolist()):
            hits += int(torch.bincount(data.test.labels[joint == value]).max())
        return hits / len(data.test)

    three = vectors("synergy_of_three")
    assert best(three, ["a"]) < 0.54
    assert best(three, ["a", "b"]) < 0.56
    assert best(three, ["a", "b", "c"]) > 0.8
    assert 0.24 < vectors("unique").chance < 0.28
    assert not np.array_equal(three.train.inputs["a"][:9], three.test.inputs["a"][:9])
    again = vectors("synergy_of_three")
    assert torch.equal(three.train.inputs["b"], again.train.inputs["b"])
    with pytest.raises(UnknownName, match="synergy_of_three, unique, world, world_rooms"):
        data_of("nothing")


def test_robustness_is_multibenchs() -> None:
    flat, falling = [0.8] * 11, [0.8 - 0.05 * at for at in range(11)]
    assert relative_robustness(flat) == pytest.approx(0.8)  # the area of a box one wide
    assert relative_robustness(falling) == pytest.approx(0.55)  # of a trapezoid: (0.8 + 0.3) / 2
    late = [0.5 - 0.03 * at for at in range(11)]
    # Late fusion moved up by 0.3 begins where falling does, and falls 0.02 less a level.
    assert effective_robustness(falling, late) == pytest.approx(-0.02 * sum(range(11)))
    assert effective_robustness(late, late) == pytest.approx(0)
    assert effective_robustness(flat, late) > 0
    assert scaled({"a": 1.0, "b": 3.0, "c": 2.0}) == {"a": 0.0, "b": 1.0, "c": 0.5}
    assert len(LEVELS) == 11
    with pytest.raises(BadInput, match="two points"):
        relative_robustness([0.5])
    with pytest.raises(BadInput, match="11 and 10 points"):
        effective_robustness(flat, flat[1:])


def test_a_file_gives_the_network_back_and_another_is_refused(tmp_path: Path) -> None:
    data = vectors("unique")
    network = Learning(data, "tensor", drop=0.1, thin=4).build(0)
    assert isinstance(network, FusionNetwork)
    said = Described("unique", "tensor", data.sizes, data.labels, {"drop": 0.1, "thin": 4},
                     dict.fromkeys(data.sizes, "made"))  # fmt: skip
    path = tmp_path / "net.safetensors"
    save_fusion(path, network, said)
    back, told = load_fusion(path)
    assert told == said
    assert same(network.state_dict(), back.state_dict())
    assert not back.training
    other = tmp_path / "other.safetensors"
    other.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ModelUnavailable, match=r"other\.safetensors is no fusion network"):
        load_fusion(other)
    fit(Learning(data, "late"), dataclasses.replace(PLAN, steps=1, evaluate_every=None),
        tmp_path / "fit", sampler=Passes(100), curves=False)  # fmt: skip
    with pytest.raises(ModelUnavailable, match="holds no fusion network"):
        load_fusion(tmp_path / "fit" / "weights.safetensors")


def test_a_comparison_has_its_controls_and_its_table() -> None:
    told: list[str] = []
    found = compare(["redundant"], ["low_rank"], [0], told.append, steps=60)
    about = found["tasks"]["redundant"]
    assert list(about["networks"]) == ["late", "low_rank", "low_rank, drop 0"]
    assert list(about["alone"]) == ["a", "b", "c"]
    late = about["networks"]["late"]
    assert late["noise"]["effective"] == pytest.approx(0)
    assert late["accuracy"]["mean"] > max(alone["mean"] for alone in about["alone"].values())
    assert len(told) == 6
    assert "redundant: n = 2048; chance 25" in table(found)


def test_train_and_evaluate_from_the_command_line(tmp_path: Path) -> None:
    asked = ["fusion", "--task", "unique", "--network", "late", "--steps", "60",
             "--out", str(tmp_path), "--json"]  # fmt: skip
    done = CliRunner().invoke(train, asked, catch_exceptions=False)
    found = json.loads(done.stdout)
    assert "step 60/60" in done.stderr
    assert found["rates"]["as trained"]["value"] > 0.9
    assert found["rates"]["without a"]["value"] < 0.4 < found["rates"]["a alone"]["value"]
    card = (tmp_path / "fusion.md").read_text()
    assert "sensorium train fusion --task unique --network late --steps 60 --drop 0.2" in card
    assert f"| as trained | {found['rates']['as trained']['value']:.1%}" in card
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
    measured = ["fusion", "--weights", str(tmp_path / "fusion.safetensors"), "--json"]
    again = json.loads(CliRunner().invoke(evaluate, measured, catch_exceptions=False).stdout)
    assert again["rates"] == found["rates"]
    wrong = CliRunner().invoke(train, ["fushion"])
    assert wrong.exit_code == 2
    assert "nothing named 'fushion' to train" in wrong.stderr
