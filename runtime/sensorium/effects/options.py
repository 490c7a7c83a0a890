"""Settings of the effects ledger."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class EffectsOptions(BaseModel):
    """``[effects]``: how long an effect is remembered, and where."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    journal: str = ""
    """File that remembers effects from one session to the next; none if empty."""
    remember: int = Field(65_536, ge=1)
    """Ids of effects that are remembered; the oldest are forgotten first."""
