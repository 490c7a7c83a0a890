"""What a pool can be told: about itself, and about each model it hosts."""

from __future__ import annotations

import ipaddress
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sensorium.errors import SettingsError

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

    devices: tuple[str, ...] = ("auto",)
    """One worker each, named after it: ``cuda:0``, ``mps``, ``cpu``, ``auto``; a device that
    stands here twice has the workers ``cpu`` and ``cpu-2``. Empty where all are remote."""
    listen: str = ""
    """Address at which workers on other machines join (``tcp://0.0.0.0:5757``); none if empty."""
    key: str = ""
    """File with the pool's secret key, which only loopback can do without."""
    clients: tuple[str, ...] = ()
    """Public keys of the workers that may join: each a key, a file, or a folder of files."""
    spare: Literal["none", "blank", "warm"] = "blank"
    """What stands by for a lost worker: nothing; one started process without models for the
    whole pool; or one with all models loaded for each worker (twice the memory)."""
    fork: bool = True
    """Whether workers are forked from a process that has imported the plugins (Linux), instead
    of each starting an interpreter; where plugins run threads, they are not in any case."""
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

    @model_validator(mode="after")
    def _can_be_reached(self) -> PoolOptions:
        if not self.listen:
            if not self.devices:
                raise ValueError("devices is empty: name one, or let others join with listen")
            if self.key or self.clients:
                raise ValueError("key and clients are for workers that join: set listen, too")
            return self
        if bool(self.key) != bool(self.clients):
            raise ValueError(
                "key and clients belong together: the pool's secret key, and the public keys of"
                " the workers that may join"
            )
        try:
            check_endpoint(self.listen, encrypted=bool(self.key))
        except SettingsError as error:
            raise ValueError(f"listen: {error}") from error
        if not self.listen.startswith("tcp:"):
            raise ValueError("listen: workers join at tcp://HOST:PORT")
        return self

    def worker_names(self) -> dict[str, str]:
        """Names of the workers and the device of each."""
        names: dict[str, str] = {}
        for device in self.devices:
            count = sum(1 for held in names.values() if held == device)
            names[device if not count else f"{device}-{count + 1}"] = device
        return names


def check_endpoint(endpoint: str, *, encrypted: bool) -> str:
    """The address, if it may be used. Raises :class:`SettingsError` for plain text off the host."""
    scheme, _, rest = endpoint.partition("://")
    if scheme == "ipc":
        return endpoint
    if scheme != "tcp":
        raise SettingsError(f"{endpoint}: workers are reached by ipc:// or tcp://")
    if not _has_port(rest):
        raise SettingsError(f"{endpoint}: an address is tcp://HOST:PORT")
    host = rest.rpartition(":")[0].strip("[]")
    if not encrypted and not _is_loopback(host):
        raise SettingsError(
            f"{endpoint}: workers on other machines need keys on both sides (`sensorium worker"
            " keys FOLDER` makes them); without keys only loopback is allowed, as in"
            " tcp://127.0.0.1:5757"
        )
    return endpoint


def _has_port(rest: str) -> bool:
    host, _, port = rest.rpartition(":")
    return bool(host) and (port == "*" or (port.isdigit() and int(port) < 65536))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
