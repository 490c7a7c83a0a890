"""Options of an environment as a source."""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import Field, model_validator

from sensorium.components import ComponentOptions


class EnvironmentOptions(ComponentOptions):
    """Which environment, which episodes, and who waits for whom."""

    id: str
    """Any Gymnasium id: `sensorium sim list` shows those that plugins registered."""
    options: dict[str, Any] = {}
    """What the environment's class takes."""
    episodes: int = Field(1, ge=1)
    seed: int = Field(0, ge=0)
    """Of the first episode; the next ones have the next seeds."""
    count: int = Field(1, ge=1, le=64)
    """Environments side by side, which share the episodes."""
    vector: Literal["", "sync", "async"] = ""
    """Those as one vector environment of Gymnasium, in this process or one process each; empty:
    each in a thread of its own."""
    mode: Literal["lockstep", "free"] = "lockstep"
    """lockstep: a step is done when the agent is idle. free: at ``rate_hz``, ready or not."""
    rate_hz: float | None = Field(None, gt=0)
    """Steps a second of the session's clock; the environment's own rate if left out."""
    idle_action: str = ""
    """What is done where no plan came. In lockstep without it, the environment waits."""
    patience_s: float = Field(30.0, gt=0)
    """How long it waits, on the session's clock, before the episode fails."""
    max_steps: int | None = Field(None, ge=1)
    """Truncates episodes, beside the environment's own limit."""
    step_limit_s: float = Field(10.0, gt=0)
    """Real time after which a step hangs; the expert's advice is part of the step."""
    make_limit_s: float = Field(60.0, gt=0)
    """Real time after which making it, or a reset, hangs."""
    advice: bool = False
    """Publish what the environment's expert would do."""
    video: str = ""
    """MP4 file for the episodes of the first environment."""

    @model_validator(mode="after")
    def _steps_together(self) -> Self:
        if self.vector and self.mode == "free":
            raise ValueError("a vector environment waits for all its agents: it runs in lockstep")
        return self

    def mark(self, index: int) -> str:
        """What distinguishes an environment from those beside it, in names of topics."""
        return f"-{index}" if self.count > 1 else ""
