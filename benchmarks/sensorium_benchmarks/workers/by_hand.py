"""One message a request over pyzmq, written by hand as well as can be.

ROUTER here, DEALER there, msgpack by msgspec; no deadlines, no supervision. Requests are sent
from the event loop. A thread blocks in ``recv``, takes what else has arrived, and wakes the loop
once for all of it; a socket is one thread's, so answers have a pair of sockets of their own.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from sensorium_benchmarks.workers.load import Ask, alone_of, throughput_of

import msgspec  # isort: skip
import numpy as np
import zmq

from sensorium_benchmarks.workers.models import Vector

Answer = tuple[int, float | bytes]
encode = msgspec.msgpack.Encoder(enc_hook=lambda array: array.data).encode
decode = msgspec.msgpack.Decoder(Answer).decode


def callers(callers: int, requests: int, model: str) -> dict[str, float]:
    """Many at the same time."""
    return throughput_of(_opened, callers, requests, model)


def alone(requests: int, model: str) -> dict[str, float]:
    """One."""
    return alone_of(_opened, requests, model)


@contextmanager
def worker(model: str, requests: zmq.Socket[Any], answers: zmq.Socket[Any]) -> Iterator[None]:
    """A worker process that connects to these sockets, which may be the same."""
    endpoints = [f"ipc://@bench-{secrets.token_hex(8)}"] * 2
    requests.bind(endpoints[0])
    if answers is not requests:
        endpoints[1] += "-answers"
        answers.bind(endpoints[1])
    command = [sys.executable, "-m", "sensorium_benchmarks.workers.hand_worker", *endpoints, model]
    with subprocess.Popen(command) as process:
        try:
            yield
        finally:
            process.kill()


def settle(asked: dict[int, asyncio.Future[Any]], answers: list[Answer]) -> None:
    """Give the callers what has come."""
    for number, result in answers:
        future = asked.pop(number)
        if not future.done():
            future.set_result(
                np.frombuffer(result, np.float32) if isinstance(result, bytes) else result
            )


@asynccontextmanager
async def _opened(model: str) -> AsyncIterator[Ask]:
    loop = asyncio.get_running_loop()
    asked: dict[int, asyncio.Future[Any]] = {}
    numbers = itertools.count()

    def receive() -> None:
        while True:
            messages: list[Answer] = []
            while not messages or int(answers.getsockopt(zmq.EVENTS)) & zmq.POLLIN:
                _, message = answers.recv_multipart()
                if not message:
                    return
                messages.append(decode(message))
            loop.call_soon_threadsafe(settle, asked, messages)

    with (
        zmq.Context() as context,
        context.socket(zmq.ROUTER) as requests,
        context.socket(zmq.ROUTER) as answers,
        worker(model, requests, answers),
    ):
        name, _ = requests.recv_multipart()
        answers.recv_multipart()
        thread = threading.Thread(target=receive)
        thread.start()

        def ask(vector: Vector) -> asyncio.Future[Any]:
            number = next(numbers)
            asked[number] = future = loop.create_future()
            requests.send(name, zmq.SNDMORE)
            requests.send(encode((number, vector)))
            return future

        yield ask
        requests.send_multipart([name, b""])
        await asyncio.to_thread(thread.join)
