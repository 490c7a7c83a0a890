"""Learning in stages: easy data first, or one modality first, and on when it is time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sensorium.errors import BadInput
from sensorium_models.training.sampling import Sampler


@dataclass(frozen=True)
class Stage:
    """One stage of a curriculum: what it asks the task for, and when it is over.

    ``settings`` reach the task in each :class:`Draw`: a difficulty, the modalities that are shown.
    A stage ends after ``steps``, or at an evaluation whose score is ``score`` or more, whichever is
    first; one with neither is the last.
    """

    name: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    sampler: Sampler | None = None
    """In place of the run's."""
    steps: int | None = None
    score: float | None = None


@dataclass(frozen=True)
class Curriculum:
    """Stages, one after the other; the last one goes on to the end of the plan."""

    stages: Sequence[Stage]

    def __post_init__(self) -> None:
        if not self.stages:
            raise BadInput("a curriculum needs a stage")
        names = [stage.name for stage in self.stages]
        if len(set(names)) < len(names):
            raise BadInput(f"two stages of a curriculum have one name: {', '.join(names)}")
        for stage in self.stages[:-1]:
            if stage.steps is None and stage.score is None:
                raise BadInput(f"stage {stage.name!r} never ends: say steps or score")

    @property
    def by_score(self) -> bool:
        """Whether a stage waits for a score, so that evaluations are needed."""
        return any(stage.score is not None for stage in self.stages[:-1])

    def next_stage(self, at: int, steps_in: int, score: float | None) -> int:
        """The stage after a step: ``at``, or the one after it.

        ``steps_in`` are the steps taken in stage ``at``; ``score`` that of an evaluation now.
        """
        stage = self.stages[at]
        if at + 1 == len(self.stages):
            return at
        over = stage.steps is not None and steps_in >= stage.steps
        reached = stage.score is not None and score is not None and score >= stage.score
        return at + 1 if over or reached else at
