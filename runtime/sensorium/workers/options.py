"""What a pool can be told: about itself, and about each model it hosts."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

MIB = 1024 * 1024


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PoolModel(_Table):
    """One model of a pool: what it is, where it runs, how it is batched."""

    use: str
    """Registered name of its class."""
    options: dict[str, Any] = {}
    workers: tuple[str, ...] = ()
    """Names of the workers that host it; all of them if empty."""
    concurrency: int = Field(1, ge=1, le=64)
    """Copies of it on each worker, each with a thread of its own."""
    max_batch: int = Field(32, ge=1)
    """Requests in one batch."""
    max_batch_bytes: int = Field(64 * MIB, ge=1)
    """Bytes of requests in one batch; a single larger request is a batch of its own."""


class PoolOptions(_Table):
    """Processes, supervision and memory of a pool."""

    devices: tuple[str, ...] = Field(("auto",), min_length=1)
    """One worker each, named after it: ``cuda:0``, ``mps``, ``cpu``, ``auto``; a device that
    stands here twice has the workers ``cpu`` and ``cpu-2``."""
    spare: Literal["none", "blank", "warm"] = "blank"
    """What stands by for a lost worker: nothing; one started process without models for the
    whole pool; or one with all models loaded for each worker (twice the memory)."""
    heartbeat_s: float = Field(0.5, gt=0)
    hang_s: float = Field(10.0, gt=0)
    """A worker not heard of for so long is killed."""
    grace_s: float = Field(5.0, gt=0)
    """A worker still busy with a request for so long after its deadline is killed."""
    retries: int = Field(1, ge=0)
    """How often a request that was running alone when its worker died is tried again."""
    max_failures: int = Field(5, ge=1)
    """A worker is given up after so many lives in a row that answered nothing."""
    backoff_s: float = Field(0.1, ge=0)
    """Wait after the second such life; doubles up to ``max_backoff_s``."""
    max_backoff_s: float = Field(10.0, ge=0)
    start_s: float = Field(60.0, gt=0)
    """How long a process may take to start and load its plugins."""
    load_s: float = Field(600.0, gt=0)
    """How long a model may take to load."""
    stop_s: float = Field(1.0, ge=0)
    """How long workers have to finish and unload at the end, before they are killed."""
    request_arena: int = Field(256 * MIB, ge=0)
    """Shared memory for arrays to one worker; taken only as far as it is used. 0 for none."""
    result_arena: int = Field(256 * MIB, ge=0)
    threads: int = Field(0, ge=0)
    """Threads of numeric libraries in a worker; 0 leaves it to them."""
    installed: bool = True
    """Whether workers load the installed plugins."""
    modules: tuple[str, ...] = ()
    """More plugins for the workers: importable modules, or paths of ``.py`` files."""
    disabled: tuple[str, ...] = ()
    log_level: Literal["debug", "info", "warning", "error"] = "warning"

    def worker_names(self) -> dict[str, str]:
        """Names of the workers and the device of each."""
        names: dict[str, str] = {}
        for device in self.devices:
            count = sum(1 for held in names.values() if held == device)
            names[device if not count else f"{device}-{count + 1}"] = device
        return names
