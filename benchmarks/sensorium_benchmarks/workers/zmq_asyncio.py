"""One message a request with pyzmq's own ``zmq.asyncio``: the plainest way to write it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from sensorium_benchmarks.workers.load import Ask, alone_of, throughput_of

import zmq  # isort: skip
import zmq.asyncio

from sensorium_benchmarks.workers.by_hand import decode, encode, settle, worker
from sensorium_benchmarks.workers.models import Vector


def callers(callers: int, requests: int, model: str) -> dict[str, float]:
    """Many at the same time."""
    return throughput_of(_opened, callers, requests, model)


def alone(requests: int, model: str) -> dict[str, float]:
    """One."""
    return alone_of(_opened, requests, model)


@asynccontextmanager
async def _opened(model: str) -> AsyncIterator[Ask]:
    asked: dict[int, asyncio.Future[Any]] = {}
    numbers = itertools.count()

    async def receive() -> None:
        while True:
            _, message = await socket.recv_multipart()
            settle(asked, [decode(message)])

    with (
        zmq.asyncio.Context() as context,
        context.socket(zmq.ROUTER) as socket,
        worker(model, socket, socket),
    ):
        name, _ = await socket.recv_multipart()
        receiver = asyncio.create_task(receive())

        async def ask(vector: Vector) -> Any:
            number = next(numbers)
            asked[number] = future = asyncio.get_running_loop().create_future()
            await socket.send_multipart([name, encode((number, vector))])
            return await future

        yield ask
        receiver.cancel()
        with suppress(asyncio.CancelledError):
            await receiver
