"""BabyAI's language is understood as BabyAI's own verifier means it."""

from __future__ import annotations

from typing import Any

import gymnasium
import pytest
from hypothesis import given
from hypothesis import strategies as st
from minigrid.envs.babyai.core import verifier

from sensorium.errors import BadInput
from sensorium_plugins.embodied.instruction import COLORS, KINDS, Described, Goal, parse

colors = st.sampled_from([None, *COLORS])
places = st.sampled_from([None, "front", "behind", "left", "right"])
things = st.builds(Described, st.sampled_from([None, *KINDS]), colors, places)
doors = st.builds(Described, st.just("door"), colors, places)
goals = st.one_of(
    st.builds(Goal, st.sampled_from(["go to", "pick up"]), things),
    st.builds(Goal, st.just("open"), doors),
    st.builds(Goal, st.just("put"), things, things),
)


@given(goals, goals, goals)
def test_what_a_goal_says_means_that_goal(a: Any, b: Any, c: Any) -> None:
    assert parse(str(a)) == ((a,),)
    assert parse(f"{a} and {b}, then {c}") == ((a, b), (c,))
    assert parse(f"{a} after you {b} and {c}") == ((b, c), (a,))


def meant(instruction: Any) -> tuple[tuple[Any, ...], ...]:
    """The same of BabyAI's own object, as goals."""
    match instruction:
        case verifier.BeforeInstr():
            return meant(instruction.instr_a) + meant(instruction.instr_b)
        case verifier.AfterInstr():
            return meant(instruction.instr_b) + meant(instruction.instr_a)
        case verifier.AndInstr():
            return (meant(instruction.instr_a)[0] + meant(instruction.instr_b)[0],)
        case verifier.PutNextInstr():
            goal = Goal("put", described(instruction.desc_move), described(instruction.desc_fixed))
        case verifier.GoToInstr():
            goal = Goal("go to", described(instruction.desc))
        case verifier.PickupInstr():
            goal = Goal("pick up", described(instruction.desc))
        case _:
            goal = Goal("open", described(instruction.desc))
    return ((goal,),)


def described(desc: Any) -> Described:
    return Described(desc.type, desc.color, desc.loc)


def test_the_hardest_level_is_understood(capsys: Any) -> None:
    env = gymnasium.make("BabyAI-BossLevel-v0", disable_env_checker=True)
    seen = set()
    for seed in range(60):
        observation, _ = env.reset(seed=seed)
        instructions: Any = env.unwrapped.instrs  # type: ignore[attr-defined]
        assert parse(observation["mission"]) == meant(instructions), observation["mission"]
        seen.add(type(instructions).__name__)
    assert {"BeforeInstr", "AfterInstr", "AndInstr"} <= seen
    env.close()


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("", "empty"),
        ("dance", "'dance'"),
        ("go to the red dog", "red dog"),
        ("put the red ball", "next to what"),
        ("go to the ball and sing", "'sing'"),
    ],
)
def test_what_is_not_in_the_language_is_named(said: str, named: str) -> None:
    with pytest.raises(BadInput, match=named):
        parse(said)
