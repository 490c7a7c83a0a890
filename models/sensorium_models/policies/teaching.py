"""How a BabyAI policy is taught: demonstrations, cloning, and rounds with a teacher at its side."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from sensorium.errors import BadInput
from sensorium_models.policies.babyai import MEMORY, BabyAINetwork
from sensorium_models.policies.cloning import LEARNING_RATE, clone
from sensorium_models.policies.coaching import PATIENCE
from sensorium_models.policies.crew import gather
from sensorium_models.policies.demonstrations import SEEDS, Demonstrations, joined
from sensorium_models.policies.files import save_network
from sensorium_models.policies.varying import check_variations
from sensorium_models.training import Fitted, Progress

POLICY = "policy.safetensors"
COACHED_FROM, ROUND = SEEDS // 2, 50_000
"""Coached episodes have numbers of a seed from here on, each round as many as this."""


@dataclass(frozen=True)
class Course:
    """Everything that decides what is learnt."""

    levels: dict[str, int]
    """Ids, each with how many demonstrations."""
    seed: int = 0
    demo_seed: int | None = None
    """Of the demonstrations; ``seed`` if None."""
    passes: float = 10
    minutes: float | None = None
    """Processor time of cloning, at most."""
    memory: int = MEMORY
    rounds: int = 0
    """With the teacher at its side (DAgger)."""
    coached: int = 2_000
    """Episodes a level of each round,"""
    coached_in: dict[str, int] = field(default_factory=dict)
    """and of those levels that have a number of their own."""
    round_passes: float = 3
    """Over all that was shown so far."""
    round_rate: float = LEARNING_RATE
    patience: int = PATIENCE
    start: Path | None = None
    """Weights to begin with, of another policy with as much memory."""
    vary: tuple[str, ...] = ()
    """How episodes are shown otherwise than they were (:mod:`.varying`)."""

    def __post_init__(self) -> None:
        check_variations(self.vary)
        if not self.levels:
            raise BadInput("there is no level to teach")
        if unknown := sorted(self.coached_in.keys() - self.levels.keys()):
            raise BadInput(f"{unknown[0]} has coached episodes, but is not among the levels")
        counts = (self.coached, *self.coached_in.values())
        if self.rounds < 0 or not all(0 < n <= ROUND for n in counts) or self.patience < 1:
            raise BadInput(
                f"rounds are 0 or more, coached episodes 1 to {ROUND:,}, patience 1 or more"
            )
        if max(self.levels.values()) > COACHED_FROM:
            raise BadInput(f"a level has {COACHED_FROM:,} demonstrations at the most")


@dataclass(frozen=True)
class Round:
    """Demonstrations that were gathered, and what was learnt of all there were then."""

    shown: dict[str, Demonstrations]
    fitted: Fitted
    weights: Path

    @property
    def episodes(self) -> int:
        """Gathered."""
        return sum(len(each) for each in self.shown.values())

    @property
    def steps(self) -> int:
        """Gathered."""
        return sum(len(each.actions) for each in self.shown.values())


@dataclass(frozen=True)
class Taught:
    """A policy, and how it came about: cloning first, then each round."""

    network: BabyAINetwork
    weights: Path
    """16-bit safetensors."""
    rounds: list[Round]


def teach(
    course: Course,
    folder: Path,
    *,
    demonstrations: Path | None = None,
    workers: int = 1,
    tell: Callable[[str], None] = lambda line: None,
    on_progress: Callable[[Progress], None] | None = None,
) -> Taught:
    """Teach one policy all levels of ``course``; everything is kept in ``folder``.

    A run that was stopped or killed goes on where it was, and ends with the same weights (not where
    ``minutes`` ended it). ``demonstrations`` is their folder, that several runs may share.
    Raises what :func:`gather` and :func:`clone` raise.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rounds: list[Round] = []
    for number in range(course.rounds + 1):
        place = folder / (f"round-{number}" if number else "cloning")
        before = rounds[-1] if rounds else None
        shelf = (demonstrations or folder / "demonstrations") if before is None else place
        rounds.append(_round(course, number, before, place, shelf, workers, tell, on_progress,
                             [each.shown for each in rounds]))  # fmt: skip
    network = cast("BabyAINetwork", rounds[-1].fitted.network)
    save_network(folder / POLICY, network, list(course.levels))
    return Taught(network, folder / POLICY, rounds)


def _round(
    course: Course,
    number: int,
    before: Round | None,
    place: Path,
    shelf: Path,
    workers: int,
    tell: Callable[[str], None],
    on_progress: Callable[[Progress], None] | None,
    earlier: list[dict[str, Demonstrations]],
) -> Round:
    shown = {}
    for level, demos in course.levels.items():
        what = f"{level}, {'demonstrations' if before is None else f'round {number}'}"

        def on_shard(done: int, wanted: int, what: str = what) -> None:
            tell(f"{what} {done:,}/{wanted:,}")

        seed = course.seed if before or course.demo_seed is None else course.demo_seed
        shown[level] = gather(
            level, demos if before is None else course.coached_in.get(level, course.coached),
            seed, shelf, workers=workers,
            weights=None if before is None else before.weights, patience=course.patience,
            from_first=0 if before is None else COACHED_FROM + (number - 1) * ROUND,
            on_shard=on_shard,
        )  # fmt: skip
    everything = {level: joined([s[level] for s in [*earlier, shown]]) for level in shown}
    fitted = clone(
        everything, place, seed=course.seed, memory=course.memory, on_progress=on_progress,
        passes=course.passes if before is None else course.round_passes,
        minutes=course.minutes if before is None else None,
        rate=LEARNING_RATE if before is None else course.round_rate,
        start=course.start if before is None else before.fitted.weights,
        vary=course.vary,
    )  # fmt: skip
    weights = place / POLICY
    save_network(weights, cast("BabyAINetwork", fitted.network), list(course.levels))
    if course.rounds:
        tell(f"chose the teacher's action in {fitted.score:.2%} of the held-back steps")
    return Round(shown, fitted, weights)


def described(course: Course) -> dict[str, object]:
    """Plain data, for a file."""
    return dataclasses.asdict(course)
