"""``sensorium worker``: lend this machine to a pool on another one."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import click

from sensorium.logs import configure_logs
from sensorium.settings import LogSettings


@click.group(invoke_without_command=True)
@click.option("--connect", metavar="tcp://HOST:PORT", help="Where the pool listens.")
@click.option("--key", default="", metavar="FILE", help="This worker's own key (.key_secret).")
@click.option(
    "--server-key", default="", metavar="KEY", help="The pool's public key, or its file (.key)."
)
@click.option("--name", default="", help="What the pool calls it.  [default: this machine's name]")
@click.option("--device", default="auto", show_default=True, help="cuda:0, mps, cpu or auto.")
@click.option("--threads", default=0, help="Threads of numeric libraries.  [default: theirs]")
@click.option(
    "--module", "modules", multiple=True, metavar="M", help="One more plugin: a module or .py file."
)
@click.option("--disable", multiple=True, metavar="PLUGIN", help="Leave this plugin out.")
@click.option(
    "--log-level",
    type=click.Choice(["debug", "info", "warning", "error"]),
    default="info",
    show_default=True,
)
@click.pass_context
def worker(
    context: click.Context,
    connect: str | None,
    key: str,
    server_key: str,
    name: str,
    device: str,
    threads: int,
    modules: tuple[str, ...],
    disable: tuple[str, ...],
    log_level: str,
) -> None:
    """Host models for the pool that listens at an address ([workers] listen in its settings).

    The pool says which models; their plugins and weights must be installed here. It joins again
    whenever the connection is lost. Ctrl-C ends it.
    """
    if context.invoked_subcommand is not None:
        return
    if connect is None:
        raise click.UsageError("say which pool to join: --connect tcp://HOST:PORT")
    from sensorium.workers.pool.staying import JoinOptions, RemoteStay

    configure_logs(LogSettings.model_validate({"level": log_level}))
    stay = RemoteStay(
        JoinOptions(
            connect, key, server_key, name, device, threads, True, modules, disable, log_level
        )
    )
    asyncio.run(_until_told(stay.run()))


@worker.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option(
    "--name", "names", multiple=True, help="Whose key it is.  [default: pool, and worker]"
)
def keys(folder: Path, names: tuple[str, ...]) -> None:
    """Make key pairs in FOLDER: NAME.key to give away, NAME.key_secret to keep."""
    from sensorium.workers.pool.curve import create_keys

    for file in create_keys(folder, names or ("pool", "worker")):
        click.echo(file)


async def _until_told(stay: Coroutine[Any, Any, None]) -> None:
    task = asyncio.ensure_future(stay)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError):
        await task
