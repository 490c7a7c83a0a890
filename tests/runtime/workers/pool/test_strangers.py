"""Peers that should not be there, and workers that speak nonsense: nothing crashes or grows."""

from __future__ import annotations

import asyncio
import random
import socket
from contextlib import suppress
from typing import TYPE_CHECKING

import numpy as np
import pytest
import zmq

from sensorium.errors import SettingsError
from sensorium.workers.pool import packing, protocol, transport

from .conftest import until

if TYPE_CHECKING:
    from sensorium.workers.pool import PoolExecutor

    from .conftest import Stand


def hub_of(pool: PoolExecutor) -> transport.Hub:
    assert pool._hub is not None
    return pool._hub


async def test_raw_bytes_at_the_socket_do_no_harm(stand: Stand) -> None:
    async with stand.pool("echo") as pool:
        await pool.load("echo")
        name = hub_of(pool).endpoint.removeprefix("ipc://@")
        noise = random.Random(0)
        for size in (0, 1, 10, 64, 1000, 100_000):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as raw:
                raw.connect("\0" + name)
                raw.setblocking(False)
                with suppress(BlockingIOError):
                    raw.send(noise.randbytes(size))
                assert await pool.infer("echo", size) == size
        assert pool.statistics().foreign == 0


@pytest.mark.parametrize("password", [None, "guess"])
async def test_a_stranger_is_turned_away_before_it_can_say_anything(
    stand: Stand, password: str | None
) -> None:
    async with stand.pool("echo") as pool:
        await pool.load("echo")
        with zmq.Context() as context, context.socket(zmq.DEALER) as stranger:
            stranger.setsockopt(zmq.LINGER, 0)
            stranger.setsockopt(zmq.SNDHWM, 100)
            if password is not None:
                stranger.plain_username = b"worker"
                stranger.plain_password = password.encode()
            monitor = stranger.get_monitor_socket()
            stranger.connect(hub_of(pool).endpoint)
            stranger.send(b"let me in", zmq.NOBLOCK)
            refused = zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL
            refused |= zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            await until(lambda: _saw(monitor, refused), "it is refused")
            assert await pool.infer("echo", 1) == 1
            stranger.disable_monitor()
            monitor.close()
        statistics = pool.statistics()
        assert statistics.foreign == 0
        assert statistics.refused >= (password is not None)


def _saw(monitor: zmq.Socket[bytes], events: int) -> bool:
    while monitor.poll(0):
        if int.from_bytes(monitor.recv_multipart()[0][:2], "little") & events:
            return True
    return False


async def test_messages_of_lives_that_are_over_or_never_were_are_dropped(stand: Stand) -> None:
    async with stand.pool("echo") as pool:
        await pool.load("echo")
        hub = hub_of(pool)
        with zmq.Context() as context:
            frames = protocol.encode(
                protocol.Results(1, packing.Values(packing.pack(["wrong"]).tree))
            )
            peer = transport.connect(context, hub.endpoint, b"0123456789abcdef\0\1", hub.secret)
            for _ in range(50):
                peer.send_multipart(frames)
            short = transport.connect(context, hub.endpoint, b"x", hub.secret)
            short.send(b"")
            await until(lambda: pool.statistics().foreign == 51)
            assert await pool.infer("echo", "right") == "right"
            peer.close(0)
            short.close(0)


async def test_a_worker_that_speaks_nonsense_is_counted_and_does_no_harm(stand: Stand) -> None:
    """Whoever knows the secret and the token is the worker itself, gone mad."""
    async with stand.pool("echo") as pool:
        await pool.load("echo")
        hub = hub_of(pool)
        (life,) = pool._supervisor.lives.values()
        with zmq.Context() as context:
            lane = transport.identity(life.token, 77)
            peer = transport.connect(context, hub.endpoint, lane, hub.secret)
            noise = random.Random(1)
            tree = packing.pack([1]).tree
            messages = [
                protocol.Results(
                    99, packing.Values(tree, [("uint8", [9000], 1)], b"", [(0, 2**40)])
                ),
                protocol.Part(5, packing.Values(tree, [("uint8", [9000], 1)], b"", [(-5, 3)])),
                protocol.End(1, 2, {}),
                protocol.Loaded(3, "cpu", 1),
                protocol.Unloaded(3, -5),
                protocol.LoadFailed(3, {"type": "x"}),
            ]
            sent = 0
            for _ in range(40):
                for message in messages:
                    peer.send_multipart(protocol.encode(message))
                    peer.send_multipart([noise.randbytes(noise.randrange(50)) for _ in range(3)])
                    sent += 2
            await until(lambda: pool.statistics().invalid == sent)
            assert await asyncio.gather(*(pool.infer("echo", n) for n in range(50))) == [*range(50)]
            assert pool.statistics().lost == 0
            assert len(life.lanes) == 1
            peer.close(0)


async def test_nonsense_to_a_worker_does_not_stop_it(stand: Stand) -> None:
    async with stand.pool("echo") as pool:
        pid = await pool.infer("echo", "pid")
        (life,) = pool._supervisor.lives.values()
        noise = random.Random(2)
        for address in (life.control, transport.identity(life.token, 1)):
            for _ in range(100):
                frames = [noise.randbytes(noise.randrange(40)) for _ in range(2)]
                assert life.send(address, list(frames))
            assert life.send(address, protocol.encode(protocol.Credit(5, 2**53)))
            tree = packing.pack([np.zeros(9000)]).tree
            cut = packing.Values(tree, [("float64", [9000], 1)], b"", [(1, -1)])
            assert life.send(address, protocol.encode(protocol.Batch(1, [1], cut, [64])))
        assert await pool.infer("echo", "pid") == pid


@pytest.mark.parametrize("endpoint", ["tcp://192.168.0.2:5555", "tcp://*:5555", "udp://x", "x"])
def test_plain_text_off_the_host_is_refused(endpoint: str) -> None:
    with pytest.raises(SettingsError):
        transport.check_endpoint(endpoint, encrypted=False)


@pytest.mark.parametrize(
    ("endpoint", "encrypted"),
    [
        ("tcp://127.0.0.1:5", False), ("tcp://[::1]:5", False), ("tcp://localhost:5", False),
        ("ipc://@x", False), ("tcp://10.0.0.1:5", True),
    ],
)  # fmt: skip
def test_loopback_and_keys_are_enough(endpoint: str, encrypted: bool) -> None:
    assert transport.check_endpoint(endpoint, encrypted=encrypted) == endpoint
