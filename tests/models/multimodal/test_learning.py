"""What the connector is taught, and that nothing else learns."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sensorium.errors import BadInput
from sensorium_models.multimodal import learning
from sensorium_models.multimodal.asking import (
    ALL_KINDS,
    PAIR_KINDS,
    TELL,
    Turn,
    changed,
    told,
    turn_about,
)
from sensorium_models.multimodal.checkpoint import Ours, load
from sensorium_models.multimodal.evaluate import Seer, questions
from sensorium_models.multimodal.evaluate import told as tell_pictures
from sensorium_models.multimodal.learning import ConnectorTask, Words, draw_turns, plan, warm_plan
from sensorium_models.multimodal.pictures import Album, kept_album, scene_pairs
from sensorium_models.multimodal.report import fingerprint
from sensorium_models.multimodal.speaker import UNTOLD, Speaker, plain_model
from sensorium_models.training import Draw, Progress, fit
from sensorium_models.training.tree import same
from sensorium_models.video_language.eye import Eye
from sensorium_sims.world.vocabulary import UNSEEN_PAIRS


def test_pairs_of_scenes_differ_in_one_attribute_of_one_thing() -> None:
    for split in ("train", "unseen"):
        scenes = scene_pairs(split, 60)  # type: ignore[arg-type]
        kinds = set()
        for one, other in zip(scenes[::2], scenes[1::2], strict=True):
            differ = [a != b for a, b in zip(one.things, other.things, strict=True)]
            assert sum(differ) == 1
            kinds.add(changed(one, other))
            pairs = {(t.shape, t.colour) for t in (*one.things, *other.things)}
            assert all((pair in UNSEEN_PAIRS) == (split == "unseen") for pair in pairs)
        assert kinds == {"size", "material", "colour", "shape"}


def test_questions_about_two_pictures_have_one_right_answer() -> None:
    scenes, rng = scene_pairs("test", 60), np.random.default_rng(0)
    asked = 0
    for row in range(58):
        turn = turn_about(scenes, row, rng, "which_picture", row + 2)
        if turn is not None:
            words = turn.text.rstrip("?").split()
            named = [
                w for w in words if any(w in (t.shape, t.colour) for s in scenes for t in s.things)
            ]
            has = [any(all(w in (t.shape, t.colour) for w in named) for t in scenes[p].things)
                   for p in turn.pictures]  # fmt: skip
            assert has == [turn.answer == "first", turn.answer == "second"]
            asked += 1
        more = turn_about(scenes, row, rng, "more", row + 2)
        if more is not None:
            counts = [len(scenes[p].things) for p in more.pictures]
            assert (counts[0] > counts[1]) == (more.answer == "first")
    assert asked > 20
    with pytest.raises(BadInput, match="no turns of kind 'smell'"):
        turn_about(scenes, 0, rng, "smell", 2)


def test_a_picture_is_told_from_the_left() -> None:
    scene = next(s for s in scene_pairs("train", 80) if len(s.things) == 3)
    sentence = told(scene)
    order = sorted(scene.things, key=lambda thing: thing.x)
    places = [sentence.index(f"{thing.colour} {thing.shape}") for thing in order]
    assert places == sorted(places)
    assert sentence.count(",") == sentence.count(" and ") == 1


def test_a_draw_gives_the_same_batch_and_every_fourth_is_about_two(
    speaker: Speaker, some: Album
) -> None:
    task = ConnectorTask(speaker, some, some, speaks=False)
    one, other = task.batch(Draw(3, 6, 0)), task.batch(Draw(3, 6, 0))
    assert one["texts"] == other["texts"]
    assert torch.equal(one["goals"], other["goals"])
    assert one["regions"].shape[1] == 2
    assert task.batch(Draw(4, 6, 0))["regions"].shape[1] == 1


def test_words_are_those_of_the_answer_and_the_rest_is_free(speaker: Speaker, some: Album) -> None:
    words = Words(speaker)
    turn = Turn((0,), "what colour?", "red", "query")
    (place,) = words.of(turn)
    embedded = speaker.table[speaker.ids("red")[0]].float()
    assert int(words.logits(embedded).argmax()) == place
    tale = Turn((0,), "what?", "a red ring and a blue star", TELL)
    assert len(words.of(tale)) == 4
    batch = ConnectorTask(speaker, some, some, speaks=False).packed(some, [turn, tale])
    assert (batch["goals"] != UNTOLD).sum(1).tolist() == [1, 4]


def test_the_loss_reaches_the_connector_and_nothing_else(
    speaker: Speaker, some: Album, language: Path
) -> None:
    task = ConnectorTask(speaker, some, some, speaks=True)
    network = task.build(0)
    losses = task.losses(network, task.batch(Draw(0, 4, 0)))
    torch.stack(list(losses.values())).sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())
    assert all(p.grad is None for p in speaker.model.parameters())
    assert fingerprint(speaker.model) == fingerprint(plain_model(str(language), ""))


def test_what_is_said_after_padding_is_what_is_said_alone(speaker: Speaker) -> None:
    torch.manual_seed(5)
    tokens = torch.randn(2, 8, speaker.width)
    texts = ["what?", "how many red things are there in it?"]
    together = speaker.answers(texts, tokens, most=5)
    assert together == [speaker.answers([t], tokens[i : i + 1], most=5)[0]
                        for i, t in enumerate(texts)]  # fmt: skip
    with torch.no_grad():
        both = speaker.loss(texts, tokens, ["red", "2"])
        alone = [
            speaker.loss([texts[i]], tokens[i : i + 1], [a]) for i, a in enumerate(["red", "2"])
        ]
    assert float(both) == pytest.approx(float(sum(alone)) / 2, rel=1e-4)


def test_both_stages_learn_and_resume_to_the_same_bits(
    speaker: Speaker, some: Album, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "VALIDATION", 8)
    task = ConnectorTask(speaker, some, some, speaks=False)
    small = replace(
        warm_plan(12), batch=8, precision="float32", evaluate_every=None, checkpoint_every=5
    )
    warm = fit(task, small, tmp_path / "whole", curves=False)
    losses = [record["loss"] for record in warm.history if "loss" in record]
    assert losses[-1] < losses[0]

    def killed(at: Progress) -> None:
        if at.step == 8:
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError, match="killed"):
        fit(task, small, tmp_path / "torn", curves=False, on_progress=killed)
    again = fit(task, small, tmp_path / "torn", curves=False)
    assert same(warm.network.state_dict(), again.network.state_dict())
    says = ConnectorTask(speaker, some, some, speaks=True)
    says.begun = warm.network.state_dict()
    assert same(says.build(0).state_dict(), warm.network.state_dict())
    second = replace(plan(2), batch=2, precision="float32", evaluate_every=None)
    done = fit(says, second, tmp_path / "d", curves=False)
    assert not same(done.network.state_dict(), warm.network.state_dict())


def test_pictures_are_kept_for_the_next_run(eye: Eye, tmp_path: Path) -> None:
    first = kept_album(tmp_path / "p.safetensors", eye, 8, 0)
    second = kept_album(tmp_path / "p.safetensors", Eye(), 8, 0)  # not looked at again
    assert torch.equal(first.regions, second.regions)
    assert list(first.scenes) == list(second.scenes)
    assert len(kept_album(tmp_path / "p.safetensors", eye, 10, 0).scenes) == 10


def test_each_figure_comes_with_its_controls(ours: Path, speaker: Speaker, some: Album) -> None:
    loaded = load(str(ours))
    assert isinstance(loaded, Ours)
    seer = Seer(loaded.bridge, speaker, some)
    assert not seer.blind().album.there.any()
    moved = seer.shuffled().album
    assert torch.equal(moved.regions[12], some.regions[0])
    found = questions(seer, ("query", *PAIR_KINDS), 3)
    for one in (found.right, found.prior, found.blind, found.shuffled):
        assert one["all"].n == 15
    assert found.prior["all"].hits > 0
    assert tell_pictures(seer, 3).exact.n == 3


def test_every_kind_can_be_drawn(some: Album) -> None:
    for kind in ALL_KINDS:
        (turn,) = draw_turns(some, np.random.default_rng(0), 1, (kind,))
        assert turn.kind == kind
        assert len(turn.pictures) == (2 if kind in PAIR_KINDS else 1)
