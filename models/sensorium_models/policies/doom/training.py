"""Teaching the listening arenas: the oracle's demonstrations, then its corrections (DAgger).

Ross, Gordon and Bagnell, A Reduction of Imitation Learning and Structured Prediction to No-Regret
Online Learning (2011): after demonstrations the policy plays, the oracle says what it would have
done in each state, and all that was gathered teaches the next policy.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sensorium_models.policies.doom.network import (
    ACTIONS,
    BEARINGS,
    MEMORY,
    DoomNetwork,
    hear,
    see,
    understand,
)
from sensorium_sims.doom.arena import (
    IN_VIEW,
    DoomArena,
    DoomExpert,
    DoomGuesser,
    DoomSearcher,
    Sense,
    Task,
)

SEEDS = 1_000_000
"""Training seed S uses the episodes from (S + 1) million on; those below are for evaluation."""
TEACHERS: dict[Task, type[DoomExpert]] = {"Find": DoomExpert, "Told": DoomSearcher}
"""Each knows the pillar; in Told its place cannot be heard, so one searches."""
ASIDE = 0.5
"""Weight of saying where the pillar is, beside saying what to do."""
BATCH = 16
LENGTH = 32
"""Steps of a piece that is learned from; memory begins anew in each episode, not in each piece."""
LEARNING_RATE = 1e-3


@dataclass(frozen=True)
class Plan:
    """How much of everything."""

    demonstrations: int = 80
    rounds: int = 2
    corrected: int = 24
    """Episodes that the policy plays in each round."""
    updates: int = 60
    """Steps of Adam after the demonstrations and after each round; twice as many in the end."""
    guessing: bool = False
    """The teacher goes to any pillar: the best to be learned without hearing. Else it knows."""


@dataclass
class Lesson:
    """One episode: what was asked and sensed, what was done before, what the oracle would do."""

    asked: float
    seen: list[NDArray[np.uint8]] = field(default_factory=list)
    heard: list[NDArray[np.float32]] = field(default_factory=list)
    last: list[int] = field(default_factory=list)
    best: list[int] = field(default_factory=list)
    where: list[int] = field(default_factory=list)
    """In which part of the view the pillar was."""


@dataclass(frozen=True)
class Progress:
    """Where training is."""

    part: str
    episodes: int
    steps: int
    loss: float
    won: float
    """Share of the last round's episodes that were won."""
    seconds: float
    """Of processor time."""


@dataclass(frozen=True)
class Taught:
    """What came of it."""

    network: DoomNetwork
    episodes: int
    steps: int
    updates: int
    seconds: float


def teach(
    task: Task,
    *,
    hearing: bool,
    seed: int,
    plan: Plan | None = None,
    on_progress: Callable[[Progress], None] = lambda at: None,
) -> Taught:
    """Teach a network a task; the same arguments give the same weights. A deaf one hears
    silence."""
    plan = plan or Plan()
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = DoomNetwork()
    optimizer = torch.optim.Adam(network.parameters(), LEARNING_RATE)
    total = plan.updates * (plan.rounds + 2)
    falling = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda n: max(0.05, 1 - n / total))
    lessons: list[Lesson] = []
    begun, done = time.process_time(), 0
    without: tuple[Sense, ...] = () if hearing else ("audio",)
    env = DoomArena(task, without=without)
    try:
        for part in range(plan.rounds + 1):
            count = plan.corrected if part else plan.demonstrations
            won = 0
            for _ in range(count):
                number = (seed + 1) * SEEDS + len(lessons)
                lesson, success = play(
                    env, number, network if part else None, rng, guessing=plan.guessing
                )
                lessons.append(lesson)
                won += success
            network.train()
            updates = plan.updates * (2 if part == plan.rounds else 1)
            loss = 0.0
            for _ in range(updates):
                loss = _update(network, optimizer, lessons, rng)
                falling.step()
            done += updates
            steps = sum(len(lesson.best) for lesson in lessons)
            spent = time.process_time() - begun
            name = f"round {part}" if part else "demonstrations"
            on_progress(Progress(name, len(lessons), steps, loss, won / max(1, count), spent))
    finally:
        env.close()
    steps = sum(len(lesson.best) for lesson in lessons)
    return Taught(network.eval(), len(lessons), steps, done, time.process_time() - begun)


def play(
    env: DoomArena, seed: int, network: DoomNetwork | None, rng: np.random.Generator, *,
    guessing: bool = False,
) -> tuple[Lesson, bool]:  # fmt: skip
    """One episode, by the teacher or by a network, which draws its actions; the teacher says of
    each state what to do."""
    observation, _ = env.reset(seed=seed)
    expert = DoomGuesser(env) if guessing else TEACHERS[env.task](env)
    lesson = Lesson(understand(observation["mission"]))
    memory, last, over = torch.zeros(1, 1, MEMORY), ACTIONS, False
    info: dict[str, Any] = {}
    while not over:
        lesson.seen.append(see(observation["camera"]))
        lesson.heard.append(hear(observation["audio"]))
        lesson.last.append(last)
        lesson.best.append(expert.act(None))
        lesson.where.append(_part_of_view(expert.bearing))
        last = lesson.best[-1]
        if network is not None:
            logits, memory = _decide(network, lesson, memory)
            chances = torch.softmax(logits, -1).double().numpy()
            last = int(rng.choice(ACTIONS, p=chances / chances.sum()))
        observation, _, terminated, truncated, info = env.step(last)
        over = terminated or truncated
    return lesson, bool(info["is_success"])


def _decide(network: DoomNetwork, lesson: Lesson, memory: Tensor) -> tuple[Tensor, Tensor]:
    with torch.inference_mode():
        logits, after, _ = network(
            torch.from_numpy(lesson.seen[-1])[None, None],
            torch.from_numpy(lesson.heard[-1])[None, None],
            torch.tensor([[lesson.last[-1]]]),
            torch.tensor([lesson.asked]),
            memory,
        )
    return logits[0, 0], after


def _update(
    network: DoomNetwork, optimizer: torch.optim.Optimizer, lessons: list[Lesson],
    rng: np.random.Generator,
) -> float:  # fmt: skip
    """One step of Adam on the beginnings of some episodes."""
    chosen = [lessons[n] for n in rng.integers(len(lessons), size=BATCH)]
    longest = min(LENGTH, max(len(lesson.best) for lesson in chosen))
    seen = np.zeros((BATCH, longest, *chosen[0].seen[0].shape), np.uint8)
    heard = np.zeros((BATCH, longest, *chosen[0].heard[0].shape), np.float32)
    last = np.zeros((BATCH, longest), np.int64)
    best = np.full((BATCH, longest), -100, np.int64)  # what cross_entropy leaves out
    where = best.copy()
    for row, lesson in enumerate(chosen):
        count = min(longest, len(lesson.best))
        seen[row, :count] = lesson.seen[:count]
        heard[row, :count] = lesson.heard[:count]
        last[row, :count] = lesson.last[:count]
        best[row, :count] = lesson.best[:count]
        where[row, :count] = lesson.where[:count]
    right = torch.from_numpy(best)
    logits, _, pointed = network(
        torch.from_numpy(seen),
        torch.from_numpy(heard),
        torch.from_numpy(last),
        torch.tensor([lesson.asked for lesson in chosen]),
        torch.zeros(1, BATCH, MEMORY),
        right >= 0,
    )
    cross_entropy = nn.functional.cross_entropy
    loss = cross_entropy(logits.flatten(0, 1), right.flatten())
    aside = cross_entropy(pointed.flatten(0, 1), torch.from_numpy(where).flatten())
    optimizer.zero_grad()
    (loss + ASIDE * aside).backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(network.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _part_of_view(bearing: float) -> int:
    """0 to 6 from right to left; 7: out of view."""
    if abs(bearing) > IN_VIEW:
        return BEARINGS
    return min(BEARINGS - 1, int((bearing + IN_VIEW) / (2 * IN_VIEW) * BEARINGS))
