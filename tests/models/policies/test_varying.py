"""Demonstrations shown otherwise: in other colours, of other things, in a mirror."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from minigrid.core.constants import COLOR_TO_IDX, OBJECT_TO_IDX

from sensorium.errors import BadInput
from sensorium.plugins import load_plugins
from sensorium_models.policies.babyai import WORDS, Episodes
from sensorium_models.policies.cloning import clone
from sensorium_models.policies.demonstrations import Demonstrations
from sensorium_models.policies.lessons import Cloning, Lesson
from sensorium_models.policies.playing import Stage
from sensorium_models.policies.teaching import Course
from sensorium_models.policies.varying import COLOUR_WORDS, MIRRORED, THINGS, varied

LEVEL = "BabyAI-PickupLoc-v0"
WALL, KEY, BALL = OBJECT_TO_IDX["wall"], OBJECT_TO_IDX["key"], OBJECT_TO_IDX["ball"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def shown(count: int = 60) -> Demonstrations:
    """Of the bot, whose episodes hold every kind of thing and place."""
    stage = Stage(LEVEL, load_plugins().environments)
    episodes = []
    for seed in range(count):
        sight, action = stage.reset(seed), None
        views, actions = [], []
        while not sight.over:
            action = stage.advise(action)
            views.append(sight.view)
            actions.append(action)
            sight = stage.step(action)
        episodes.append((stage.mission, views, actions))
    stage.close()
    return Demonstrations.of(episodes, {})


@pytest.fixture(scope="module")
def task() -> Cloning:
    return Cloning({LEVEL: shown()}, seed=0, memory=16)


def views(lesson: Lesson) -> torch.Tensor:
    """(F, 49, 3): what each frame shows."""
    episodes = lesson.episodes
    kinds = episodes.kinds.expand(len(episodes.tokens), -1, -1)
    return kinds[episodes.episode[:, None], episodes.cells]


def words(lesson: Lesson) -> list[list[str]]:
    return [[WORDS[t - 2] for t in row if t > 1] for row in lesson.episodes.tokens.tolist()]


def test_the_numbers_are_minigrids() -> None:
    assert {name: COLOR_TO_IDX[name] for name in COLOUR_WORDS} == dict(
        zip(COLOUR_WORDS, range(6), strict=True)
    )
    assert {OBJECT_TO_IDX[name]: name for name in THINGS.values()} == THINGS


def test_colours_and_things_change_alike_in_view_and_words(task: Cloning) -> None:
    """What each became follows from the view; the instruction must have followed, too."""
    plain = task.take(np.arange(60))
    other = varied(plain, ("colours", "things"), np.random.default_rng(4))
    before, after = views(plain), views(other)
    assert torch.equal(other.actions, plain.actions)
    assert torch.equal(after[..., 2], before[..., 2])
    thing = (before[..., 0] >= KEY) & (before[..., 0] <= OBJECT_TO_IDX["box"])
    assert torch.equal(after[~thing], before[~thing])
    changed = 0
    for number, (said, says) in enumerate(zip(words(plain), words(other), strict=True)):
        mine = thing & (plain.episodes.episode == number)[:, None]
        colours = dict(zip(before[mine][:, 1].tolist(), after[mine][:, 1].tolist(), strict=True))
        kinds = dict(zip(before[mine][:, 0].tolist(), after[mine][:, 0].tolist(), strict=True))
        assert len(set(colours.values())) == len(colours)
        becomes = {COLOUR_WORDS[a]: COLOUR_WORDS[b] for a, b in colours.items()}
        becomes |= {THINGS[a]: THINGS[b] for a, b in kinds.items()}
        assert [becomes.get(word, word) for word in said] == says
        changed += said != says
    assert changed > 40


def test_a_mirror_turns_view_actions_and_places_round(task: Cloning) -> None:
    plain = task.take(np.arange(60))
    other = varied(plain, ("mirror",), np.random.default_rng(1))
    before, after = (views(lesson).view(-1, 7, 7, 3) for lesson in (plain, other))
    swap = {"left": "right", "right": "left"}
    turned = 0
    for number, (said, says) in enumerate(zip(words(plain), words(other), strict=True)):
        mine = plain.episodes.episode == number
        done, does = plain.actions[mine].tolist(), other.actions[mine].tolist()
        if torch.equal(after[mine], before[mine].flip(1)):
            assert says == [swap.get(word, word) for word in said]
            assert does == [1 - action if action < 2 else action for action in done]
            turned += 1
        else:
            assert (says, does) == (said, done)
            assert torch.equal(after[mine], before[mine])
    assert 15 < turned < 45
    assert torch.equal(MIRRORED[MIRRORED], torch.arange(49))


def test_doors_and_things_have_colours_to_exchange_and_walls_keep_theirs() -> None:
    grey, door = COLOR_TO_IDX["grey"], OBJECT_TO_IDX["door"]
    kinds = torch.tensor([[WALL, grey, 0], [door, grey, 1], [BALL, grey, 0]])
    alone = torch.zeros(1, dtype=torch.long)
    tokens = torch.tensor([[WORDS.index("grey") + 2, WORDS.index("door") + 2, 0, 1]])
    episodes = Episodes(torch.zeros(1, 49, dtype=torch.long), kinds, alone, alone, tokens)
    seen = set()
    for seed in range(40):
        random = np.random.default_rng(seed)
        other = varied(Lesson(episodes, alone), ("colours",), random).episodes
        assert other.kinds[0, 0].tolist() == [WALL, grey, 0]
        colour = int(other.kinds[0, 1, 1])
        assert int(other.kinds[0, 2, 1]) == colour
        said, noun, *rest = other.tokens[0].tolist()
        assert WORDS[said - 2] == COLOUR_WORDS[colour]
        assert (WORDS[noun - 2], rest) == ("door", [0, 1])
        seen.add(colour)
    assert seen == set(range(6))


def test_a_varied_batch_is_learnt_from_as_its_episodes_alone(task: Cloning) -> None:
    """The network's short cut for training, with other kinds of cells in each episode."""
    lesson = varied(task.take(np.arange(9)), ("colours", "things", "mirror"),
                    np.random.default_rng(7))  # fmt: skip
    network = task.build(0)
    together = network.replay(lesson.episodes)
    for number in range(9):
        mine = lesson.episodes.episode == number
        alone = views(lesson)[mine].view(1, -1, 7, 7, 3)
        logits, _ = network(alone, network.read(lesson.episodes.tokens[number : number + 1]))
        assert torch.allclose(together[mine], logits[0], atol=1e-5)


def test_what_is_learnt_in_one_colour_is_known_in_all(tmp_path: Path) -> None:
    """Shown only to take the red one of two; asked for each of the others."""

    def two(colour: int, count: int, seed: int) -> Demonstrations:
        random = np.random.default_rng(seed)
        seen = np.zeros((count, 7, 7, 3), np.uint8)
        side = random.integers(0, 2, count)
        other = (colour + random.integers(1, 6, count)) % 6
        for number in range(count):
            at = (2, 4) if side[number] else (4, 2)
            seen[number, at[0], 3] = BALL, colour, 0
            seen[number, at[1], 3] = BALL, other[number], 0
        ones = np.ones(count, np.int32)
        said = (f"go to the {COLOUR_WORDS[colour]} ball",) * count
        return Demonstrations(seen, side.astype(np.uint8), ones, said)

    red = {"red": two(0, 400, 0)}
    others = Cloning({name: two(c, 60, c) for c, name in enumerate(COLOUR_WORDS) if c},
                     seed=0, memory=16)  # fmt: skip
    known = []
    for vary in ((), ("colours",)):
        fitted = clone(red, tmp_path / "-".join(("vary", *vary)), seed=0, passes=60, memory=16,
                       rate=3e-3, vary=vary)  # fmt: skip
        lesson = others.take(np.arange(300))
        chosen = fitted.network.replay(lesson.episodes).argmax(-1)  # type: ignore[operator]
        known.append((chosen == lesson.actions).float().mean().item())
    assert known[0] < 0.8
    assert known[1] > 0.95


def test_a_run_varied_otherwise_does_not_go_on_and_unknown_ones_are_named(tmp_path: Path) -> None:
    some = {LEVEL: shown(8)}
    clone(some, tmp_path, seed=0, passes=1, memory=16, vary=("mirror",))
    with pytest.raises(BadInput, match="varied by mirror"):
        clone(some, tmp_path, seed=0, passes=1, memory=16)
    with pytest.raises(BadInput, match="sizes"):
        Course({LEVEL: 8}, vary=("sizes",))
