"""The same agents in a plain loop, without bus, clock and threads: what the bridge must equal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sensorium.errors import EnvironmentFailed
from sensorium_sims.bridge.planners import Guesser
from sensorium_sims.bridge.spaces import Vocabulary
from sensorium_sims.environments import load, make

if TYPE_CHECKING:
    from sensorium.plugins.environments import EnvironmentRegistry

Policy = Callable[[Any, Any], Any]
"""From an observation and the last action (None at first) to an action."""
MakePolicy = Callable[[Any, Vocabulary, int], Policy]
"""Called after each reset with the environment, its words and the seed."""


@dataclass(frozen=True, slots=True)
class DirectEpisode:
    """What a plain loop gave."""

    seed: int
    actions: tuple[str, ...]
    rewards: tuple[float, ...]
    terminated: bool
    info: dict[str, Any]


def run_direct(
    environment: str,
    policy: MakePolicy,
    *,
    episodes: int,
    seed: int = 0,
    registry: EnvironmentRegistry | None = None,
    **options: Any,
) -> list[DirectEpisode]:
    """Play ``episodes`` with seeds from ``seed`` on; the environment's own limits end them."""
    env, _ = make(environment, registry, **options)
    words = Vocabulary(environment, env.action_space, env.unwrapped)
    played = []
    try:
        for episode in range(episodes):
            played.append(_play(env, words, policy, seed + episode))
    finally:
        env.close()
    return played


def _play(env: Any, words: Vocabulary, policy: MakePolicy, seed: int) -> DirectEpisode:
    observation, info = env.reset(seed=seed)
    decide = policy(env, words, seed)
    actions: list[str] = []
    rewards: list[float] = []
    action, terminated, truncated = None, False, False
    while not (terminated or truncated):
        action = decide(observation, action)
        observation, reward, terminated, truncated, info = env.step(action)
        actions.append(words.encode(action))
        rewards.append(float(reward))
    return DirectEpisode(seed, tuple(actions), tuple(rewards), bool(terminated), info)


def guessing(env: Any, words: Vocabulary, seed: int) -> Policy:
    """The policy of the planner ``random``."""
    guesser = Guesser(words.words, words.numbers, seed)
    return lambda observation, last: words.decode(guesser.guess())


def expert_of(registry: EnvironmentRegistry, environment: str) -> MakePolicy:
    """The policy of the planner ``oracle``. Raises :class:`EnvironmentFailed` without one."""
    entry = registry.find(environment)
    if entry is None or not entry.expert:
        raise EnvironmentFailed(environment, "has no expert: no plugin registered one with it")
    teacher = load(entry.expert)

    def begin(env: Any, words: Vocabulary, seed: int) -> Policy:
        expert = teacher(env)
        return lambda observation, last: expert.act(last)

    return begin
