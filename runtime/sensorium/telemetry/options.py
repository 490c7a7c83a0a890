"""``[telemetry]``: what is measured, and where traces go."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class TelemetryOptions(BaseModel):
    """What a session measures of itself. Everything is off by default."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    enabled: bool = False
    """Ages, waits and processing times of every edge, times of every model, timings of turns."""
    traces: Literal["off", "otlp", "console", "file"] = "off"
    """Where OpenTelemetry spans go: to ``endpoint``, to stderr, or as JSON lines to ``path``."""
    endpoint: str = Field("http://127.0.0.1:4318/v1/traces", pattern=r"^https?://[^/]+")
    """Of the collector, for ``otlp``: OTLP over HTTP."""
    path: str = Field("out/traces.jsonl", min_length=1)
    """For ``file``; its folder is made."""
    sample: float = Field(1.0, ge=0, le=1)
    """Share of the traces that is exported; a trace is exported whole or not at all."""
    turns: int = Field(20, ge=0, le=1000)
    """How many of the last turns are remembered for display."""
