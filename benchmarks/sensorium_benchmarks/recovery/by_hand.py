"""The limit: a worker over pyzmq that is started again the moment it has ended, by hand."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
import sys

import zmq

from sensorium_benchmarks.recovery.deaths import PAUSE_S, Death, figures

MODULE = "sensorium_benchmarks.recovery.hand_worker"


def recover(deaths: int) -> dict[str, float]:
    """Kill and ask again."""
    return asyncio.run(_recover(deaths))


recover_cold = recover


async def _recover(deaths: int) -> dict[str, float]:
    waits = []
    endpoint = f"ipc://@bench-{secrets.token_hex(8)}"
    with zmq.Context() as context, context.socket(zmq.ROUTER) as socket:
        socket.bind(endpoint)
        process = _start(endpoint)
        pid = await _ask(socket)
        for _ in range(deaths):
            await asyncio.sleep(PAUSE_S)
            death = Death(pid)
            await _ended(process)
            process = _start(endpoint)
            pid = await _ask(socket)
            waits.append(death.until(pid))
        process.kill()
        process.wait()
    return figures(waits)


def _start(endpoint: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", MODULE, endpoint])


async def _ask(socket: zmq.Socket[bytes]) -> int:
    """Wait for the worker's first word, and ask it."""
    name, _ = await asyncio.to_thread(socket.recv_multipart)
    socket.send_multipart([name, b"who"])
    _, answer = await asyncio.to_thread(socket.recv_multipart)
    return int(answer)


async def _ended(process: subprocess.Popen[bytes]) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    descriptor = os.pidfd_open(process.pid)
    loop.add_reader(descriptor, ended.set)
    await ended.wait()
    loop.remove_reader(descriptor)
    os.close(descriptor)
    process.wait()
