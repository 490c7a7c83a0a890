"""The Ray cluster of an executor: joined, or started on this machine alone and ended with it."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess
import tempfile
from contextlib import suppress
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from sensorium.errors import MissingDependency

MIB = 1024 * 1024
END_S = 5.0


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RayModel(_Table):
    """One model on the cluster."""

    use: str
    """Registered name of its class."""
    options: dict[str, Any] = {}
    device: str = "cpu"
    copies: int = Field(1, ge=1)
    """Actors that host it."""
    cpus: float = Field(1, ge=0)
    """Processors that Ray keeps for each of them."""
    gpus: float = Field(0, ge=0)
    max_batch: int = Field(32, ge=1)
    max_batch_bytes: int = Field(64 * MIB, ge=1)


class RayOptions(_Table):
    """The cluster, and what its processes load."""

    address: str = ""
    """``auto``, ``HOST:PORT`` or ``ray://HOST:PORT``; empty for a cluster of this machine alone,
    started here and ended with the executor. If the program is connected, that is used."""
    cpus: int | None = Field(None, ge=1)
    """Processors of a cluster that is started here; those of the machine if none."""
    store: int = Field(256 * MIB, ge=80 * MIB)
    """Bytes of its shared memory."""
    restarts: int = Field(-1, ge=-1)
    """How often Ray replaces an actor that has died; -1 for always."""
    retries: int = Field(1, ge=0)
    """How often a request that was alone when its actor died is tried again."""
    load_s: float = Field(600.0, gt=0)
    """How long an actor may take to be placed and to load."""
    grace_s: float = Field(5.0, gt=0)
    """An actor still busy with a request so long after its deadline is killed and replaced."""
    installed: bool = True
    modules: tuple[str, ...] = ()
    """More plugins for the actors: importable modules, or paths of ``.py`` files."""
    disabled: tuple[str, ...] = ()


class Cluster:
    """A connection to Ray; this process has one at most."""

    def __init__(self, options: RayOptions) -> None:
        """Raises :class:`MissingDependency` without Ray."""
        self._options = options
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # no data leaves the machine
        if not options.address and "RAY_AUTH_TOKEN_PATH" not in os.environ:
            # its servers listen on every interface, and Ray asks who comes for a token: one that
            # is in no file
            os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
        try:
            import ray
        except ImportError as error:
            remedy = "Install it with: pip install 'sensorium[ray]'."
            raise MissingDependency('placement = "ray"', "ray", remedy) from error
        self.ray: Any = ray
        self._ours = False
        self._folder = ""

    def connect(self) -> None:
        """Connect, or start; takes seconds, so call it in a thread. What fails leaves nothing."""
        if self.ray.is_initialized():
            return
        self._ours = True
        try:
            self._connect()
        except BaseException:
            self.leave()
            raise

    def _connect(self) -> None:
        quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
        if self._options.address:
            self.ray.init(address=self._options.address, **quiet)
            return
        self._folder = tempfile.mkdtemp(prefix="ray-")
        self.ray.init(
            num_cpus=self._options.cpus, object_store_memory=self._options.store,
            include_dashboard=False, _temp_dir=self._folder, _node_ip_address="127.0.0.1", **quiet,
        )  # fmt: skip

    def leave(self) -> None:
        """Disconnect, and end what was started here; takes a second."""
        if self._ours:
            node = getattr(self.ray._private.worker, "_global_node", None)
            started = getattr(node, "all_processes", {}).values()
            self.ray.shutdown()
            for process in [info.process for infos in started for info in infos]:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(END_S)  # Ray leaves them as zombies
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    def place(self, name: str, spec: RayModel) -> Any:
        """A new actor with that model."""
        from sensorium.workers.ray_host import Actor

        options = self._options
        plugins = {
            "installed": options.installed,
            "modules": list(options.modules),
            "disabled": list(options.disabled),
        }
        wanted = {
            "num_cpus": spec.cpus,
            "num_gpus": spec.gpus,
            "max_restarts": options.restarts,
        }
        return Actor.options(**wanted).remote(name, spec.use, spec.options, spec.device, plugins)
