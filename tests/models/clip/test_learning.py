"""The loss by hand and beside transformers' own; that it can be learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional
from transformers.models.clip.modeling_clip import image_text_contrastive_loss

from sensorium_models.clip.drilling import (
    UNTOLD,
    VALUES,
    attribute_loss,
    bound_loss,
    nouns_of,
    recoloured,
    shares_loss,
    truths,
)
from sensorium_models.clip.learning import ClipTask, contrastive_loss, curriculum, kept_patches
from sensorium_models.clip.network import see, small_clip
from sensorium_models.clip.pairs import sample_batch
from sensorium_models.clip.words import world_tokenizer
from sensorium_models.training import Draw


def unit(seed: int, count: int) -> torch.Tensor:
    made = torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))
    return functional.normalize(made, dim=-1)


def test_without_captions_that_fit_twice_the_loss_is_clips() -> None:
    images, texts = unit(1, 6), unit(2, 6)
    scale = torch.tensor(14.0)
    ours = contrastive_loss(images, texts, scale, torch.eye(6, dtype=torch.bool))
    theirs = image_text_contrastive_loss(scale * texts @ images.T)
    assert float(ours) == pytest.approx(float(theirs), abs=1e-6)


def test_a_caption_that_fits_two_pictures_is_wrong_for_neither() -> None:
    images = unit(1, 3)
    texts = torch.stack([images[0], images[0], images[2]])  # the second reads as the first
    both = torch.tensor([[1, 1, 0], [1, 1, 0], [0, 0, 1]], dtype=torch.bool)
    scale = torch.tensor(100.0)
    blamed = contrastive_loss(images, texts, scale, torch.eye(3, dtype=torch.bool))
    spared = contrastive_loss(images, texts, scale, both)
    assert float(blamed) > float(spared) + 0.1
    # By hand: each row and column without the other true pair.
    logits = (scale * images @ texts.T).double()
    logits[0, 1] = logits[1, 0] = -1e4
    expected = (
        functional.cross_entropy(logits, torch.arange(3))
        + functional.cross_entropy(logits.T, torch.arange(3))
    ) / 2
    assert float(spared) == pytest.approx(float(expected), abs=1e-5)


def test_attributes_that_are_not_told_do_not_count() -> None:
    width = sum(map(len, VALUES.values()))
    there = torch.zeros(1, width)
    starts = np.cumsum([0, *map(len, VALUES.values())])
    there[0, starts[:4].tolist()] = 1  # the first value of each
    right = there * 50
    wrong = right.clone()
    wrong[0, starts[3] :] = -right[0, starts[3] :]  # of the shape
    told = torch.ones(1, 4)
    assert float(attribute_loss(right, there, told)) == pytest.approx(0, abs=1e-6)
    assert float(attribute_loss(wrong, there, told)) > 1
    told[0, 3] = 0
    assert float(attribute_loss(wrong, there, told)) == pytest.approx(0, abs=1e-6)


def test_kept_patches_are_those_with_things_in_them() -> None:
    batch = sample_batch(np.random.default_rng(0), 8, (1.0,))
    kept = kept_patches(batch, 25, np.random.default_rng(0))
    assert kept.shape == (8, 25)
    for row, picture in enumerate(batch.pictures):
        covered = picture.ids.reshape(8, 8, 8, 8).max(axis=(1, 3)).ravel().nonzero()[0]
        assert set(covered.tolist()) <= set(kept[row].tolist())


def test_looking_at_all_patches_is_what_transformers_does() -> None:
    clip = small_clip(width=32, layers=2, text_width=32, space=16).eval()
    batch = sample_batch(np.random.default_rng(0), 4, (0.0, 1.0))
    images = torch.from_numpy(batch.images)
    every = torch.arange(64).expand(4, -1)
    from sensorium_models.clip.network import pixels

    with torch.no_grad():
        theirs = clip.get_image_features(pixels(images)).pooler_output
        torch.testing.assert_close(see(clip, images)[0], theirs)
        torch.testing.assert_close(see(clip, images, every)[0], theirs)
        few, _ = see(clip, images, every[:, :10])
    assert not torch.allclose(few, theirs)


def test_a_batch_is_learned_by_heart_and_the_temperature_with_it() -> None:
    task = ClipTask(width=64, layers=1, text_width=32, text_layers=1, space=32)
    torch.manual_seed(0)
    learner = task.build(0)
    optimiser = torch.optim.AdamW(learner.parameters(), 3e-3)
    scale = learner.clip.logit_scale.item()
    batch = task.batch(Draw(0, 16, 0, settings=curriculum(100).stages[1].settings))
    told = []
    for _ in range(40):
        losses = task.losses(learner, batch)
        optimiser.zero_grad()
        sum(losses.values()).backward()  # type: ignore[union-attr]
        optimiser.step()
        told.append({name: loss.item() for name, loss in losses.items()})
    for name in ("contrast", "whole", "alone"):
        assert told[-1][name] < 0.5 * told[0][name]
    assert learner.clip.logit_scale.item() != scale
    without = [name for name, p in learner.named_parameters() if p.grad is None]
    assert all(name.startswith("drill.placed") for name in without)  # one thing is beside nothing


def test_the_drill_asks_for_what_is_there_and_of_captions_for_what_they_tell() -> None:
    batch = ClipTask().batch(Draw(0, 32, 0, settings={"things": (0.0, 1.0, 0.0), "keep": 40}))
    seen, said = truths(batch)
    assert (seen.pairs["colour"].sum(1) <= 2).all()
    assert seen.pairs["colour"].sum() > 48  # of 64 things, some alike
    assert not seen.told[batch["changed"], 2].any()  # nobody knows a name for that colour
    assert batch["changed"].any()
    assert (batch["values"][:, 2] == UNTOLD).any()
    assert len(batch["spots"]) == 64  # each thing's centre is among the kept patches
    told = said.placed != UNTOLD
    assert 0 < told.sum() < len(told)
    assert (said.placed[told] == seen.placed.repeat(2)[told]).all()


def test_captions_are_read_without_pictures_first() -> None:
    task = ClipTask(width=32, layers=1, text_width=32, text_layers=1, space=32)
    learner = task.build(0)
    first = curriculum(100).stages[0]
    batch = task.batch(Draw(0, 8, 0, settings=first.settings))
    assert "images" not in batch
    losses = task.losses(learner, batch)
    assert set(losses) == {"whole", "alone"}
    sum(losses.values()).backward()  # type: ignore[union-attr]
    for name, weight in learner.clip.named_parameters():
        assert (weight.grad is not None) == name.startswith("text_"), name


def test_a_noun_is_what_the_words_before_it_say() -> None:
    tokens = world_tokenizer()(
        ["a small red circle above two striped squares", "a blue thing and a star"],
        padding=True, return_tensors="pt",
    )  # fmt: skip
    spots, values = nouns_of(tokens["input_ids"])
    said = [
        [
            None if at == UNTOLD else names[at]
            for at, names in zip(row, VALUES.values(), strict=True)
        ]
        for row in values.tolist()
    ]
    assert spots.tolist() == [[0, 4], [0, 8], [1, 6]]
    assert said == [
        ["small", None, "red", "circle"],
        [None, "striped", None, "square"],
        [None, None, None, "star"],
    ]


def test_what_speaks_for_colour_and_shape_by_themselves_is_not_enough() -> None:
    colours, shapes = torch.tensor([5.0, 0, 0]), torch.tensor([5.0, 0, 0])
    summed = (colours[:, None] + shapes).flatten()[None]
    pair = torch.zeros(1, 9)
    pair[0, 0] = 1
    once, every = torch.ones(1), torch.ones(9)
    assert shares_loss(summed, pair, once) < 0.05
    fits = [
        bound_loss((a * colours[:, None] + b * shapes).flatten()[None] + c, pair, once, every)
        for a in torch.linspace(0, 0.3, 13)
        for b in torch.linspace(0, 0.3, 13)
        for c in torch.linspace(-0.5, 0.2, 15)
    ]
    assert min(fits) > 0.5
    assert bound_loss(pair, pair, once, every) == 0
    assert bound_loss(1 - pair, pair, once, 1 - every) == 0  # what was never seen is not asked


def test_a_family_is_recoloured_as_one() -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (6, 4, 4, 3)).astype(np.uint8)
    changed, which = recoloured(images, np.array([False, True, False]), np.random.default_rng(3))
    assert which.tolist() == [False, False, True, True, False, False]
    assert (changed[[0, 1, 4, 5]] == images[[0, 1, 4, 5]]).all()
    assert (changed[2:4] != images[2:4]).any()


def test_the_same_draw_gives_the_same_tensors() -> None:
    task = ClipTask()
    one, other = (task.batch(Draw(3, 8, 0, settings={"keep": 40})) for _ in range(2))
    assert one.keys() == other.keys() >= {"images", "ids", "mask", "true", "told", "there", "kept"}
    for name in one:
        torch.testing.assert_close(one[name], other[name], rtol=0, atol=0)


def test_one_command_trains_saves_measures_and_writes_the_card(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sensorium_models.clip import learning, teaching
    from sensorium_models.clip.report import Trials

    monkeypatch.setattr(learning, "VALIDATION", 40)
    small = {"width": 32, "layers": 1, "text_width": 32, "space": 16}
    monkeypatch.setattr(teaching, "ClipTask", lambda: ClipTask(**small))
    trials = Trials(pictures=20, pairs=20, groups=10)
    found = teaching.teach(tmp_path, steps=10, trials=trials)
    again = teaching.teach(tmp_path, steps=10, trials=trials)  # done: read, not done again
    assert found["steps"] == 10
    assert [row["value"] for row in found["rows"]] == [row["value"] for row in again["rows"]]
    card = (tmp_path / "clip-world.md").read_text()
    assert "sensorium train clip --steps 10 --seed 0" in card
    assert "100-way zero-shot, unseen pairs" in card
    assert (tmp_path / "clip-world" / "model.safetensors").stat().st_size < 200_000
