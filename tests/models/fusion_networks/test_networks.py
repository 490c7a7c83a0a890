"""One interface over any subset of the modalities, and what each kind can know."""

from __future__ import annotations

from itertools import pairwise, product

import pytest
import torch
from torch import Tensor

from sensorium.errors import BadInput, UnknownName
from sensorium_models.fusion_networks.kinds import KINDS, LowRankTensor, make
from sensorium_models.fusion_networks.network import FusionNetwork, dropped

SIZES = {"picture": 5, "sound": 3, "words": 4}


@pytest.fixture
def rows() -> dict[str, Tensor]:
    torch.manual_seed(1)
    return {name: torch.randn(6, size) for name, size in SIZES.items()}


def network(kind: str) -> FusionNetwork:
    torch.manual_seed(0)
    return make(kind, SIZES, 4, width=8).eval()


@pytest.mark.parametrize("kind", KINDS)
def test_any_subset_has_an_answer_however_it_is_said_to_be_missing(
    kind: str, rows: dict[str, Tensor]
) -> None:
    net = network(kind)
    answers = []
    for there in product([True, False], repeat=3):
        if not any(there):
            continue
        given = {n: v for (n, v), is_there in zip(rows.items(), there, strict=True) if is_there}
        answer = net(given)
        assert answer.shape == (6, 4)
        assert bool(answer.isfinite().all())
        torch.testing.assert_close(net({**dict.fromkeys(rows), **given}), answer)
        flags = {n: torch.full((6,), is_there) for n, is_there in zip(rows, there, strict=True)}
        broken = {n: v if n in given else torch.full_like(v, torch.nan) for n, v in rows.items()}
        torch.testing.assert_close(net(broken, flags), answer)
        answers.append(answer)
    assert all(not torch.allclose(a, b) for a, b in pairwise(answers))


@pytest.mark.parametrize("kind", KINDS)
def test_rows_do_not_touch_each_other_and_what_is_missing_has_no_gradient(
    kind: str, rows: dict[str, Tensor]
) -> None:
    net = network(kind)
    flags = {"sound": torch.tensor([True, False, True, False, True, True])}
    whole = net(rows, flags)
    for at in range(6):
        one = {n: v[at : at + 1] for n, v in rows.items()}
        there = {"sound": flags["sound"][at : at + 1]}
        torch.testing.assert_close(net(one, there), whole[at : at + 1])
    sound = rows["sound"].clone().requires_grad_()
    net({**rows, "sound": sound}, flags).sum().backward()
    assert sound.grad is not None
    assert torch.equal(sound.grad.abs().sum(1) > 0, flags["sound"])


def interaction(net: FusionNetwork, names: list[str], rows: dict[str, Tensor]) -> float:
    """The mixed difference of what is fused over the modalities: 0 where it knows none."""
    total: Tensor | float = 0.0
    for corner in product([0, 1], repeat=len(names)):
        shown = dict(rows)
        for name, at in zip(names, corner, strict=True):
            shown[name] = rows[name].roll(at, 0)
        total = total + (-1) ** sum(corner) * net.fuse(shown)
    assert isinstance(total, Tensor)
    return float(total.detach().abs().max())


def test_what_a_kind_can_know_is_what_its_formula_says(rows: dict[str, Tensor]) -> None:
    two, three = ["picture", "words"], list(SIZES)
    for kind in ("late", "concatenation"):  # additive before the head
        assert interaction(network(kind), two, rows) < 1e-5
    assert interaction(network("bilinear"), two, rows) > 1e-2
    assert interaction(network("bilinear"), three, rows) < 1e-5
    for kind in ("tensor", "low_rank", "attention"):
        assert interaction(network(kind), three, rows) > 1e-3


def test_low_rank_fusion_is_tensor_fusion_with_a_weight_of_low_rank(
    rows: dict[str, Tensor],
) -> None:
    net = network("low_rank")
    assert isinstance(net, LowRankTensor)
    codes = torch.randn(6, 3, 8)
    a, b, c = torch.cat([torch.ones(6, 3, 1), codes], 2).unbind(1)
    outer = torch.einsum("bi,bj,bk->bijk", a, b, c)  # Zadeh et al., equation 5
    weight = torch.einsum("r,rio,rjo,rko->ijko", net.rank_weights, *net.factors.unbind(0))
    wanted = torch.einsum("bijk,ijko->bo", outer, weight) + net.bias
    torch.testing.assert_close(net.mix(codes, torch.ones(6, 3).bool()), wanted)


def test_modality_dropout_leaves_every_row_something() -> None:
    torch.manual_seed(0)
    there = torch.rand(4000, 3) < 0.7
    there = there[there.any(1)]
    kept = dropped(there, 0.5)
    assert bool(kept.any(1).all())
    assert not bool((kept & ~there).any())
    share = float(kept[there.all(1)].float().mean())
    assert share == pytest.approx(0.5 + 0.5**3 / 3, abs=0.02)  # the spared one counts, too
    assert float(dropped(there, 0.999).sum(1).float().mean()) == pytest.approx(1.0, abs=0.01)


def test_dropout_is_for_training_only(rows: dict[str, Tensor]) -> None:
    torch.manual_seed(0)
    net = make("tensor", SIZES, 4, width=8, drop=0.5)
    assert not torch.equal(net(rows), net(rows))
    net.eval()
    assert torch.equal(net(rows), net(rows))


def test_inputs_are_standardised(rows: dict[str, Tensor]) -> None:
    net = network("concatenation")
    far = {n: v * 7 + 30 for n, v in rows.items()}
    net.standardise(rows)
    wanted = net(rows)
    net.standardise(far)
    torch.testing.assert_close(net(far), wanted, rtol=1e-3, atol=1e-4)
    net.standardise({n: torch.ones_like(v) for n, v in rows.items()})  # nothing varies
    assert bool(net(rows).isfinite().all())


def test_bad_input_is_named(rows: dict[str, Tensor]) -> None:
    net = network("tensor")
    with pytest.raises(BadInput, match="no modality smell: this network takes picture, sound"):
        net({**rows, "smell": torch.zeros(6, 2)})
    with pytest.raises(BadInput, match=r"words is \(6, 3\); this network takes \(6, 4\)"):
        net({**rows, "words": torch.zeros(6, 3)})
    with pytest.raises(BadInput, match="no modality is there"):
        net(dict.fromkeys(rows))
    with pytest.raises(BadInput, match="a row holds no modality"):
        net({"sound": rows["sound"]}, {"sound": torch.tensor([True] * 5 + [False])})
    with pytest.raises(UnknownName, match=r"no fusion network named 'tensr'\. Did you mean"):
        make("tensr", SIZES, 4)
    with pytest.raises(BadInput, match="take low_rank"):
        make("tensor", dict.fromkeys("abcdef", 4), 4)
    with pytest.raises(BadInput, match="multiple of 4"):
        make("attention", SIZES, 4, width=6)
