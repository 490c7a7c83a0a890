"""Strangers at the door of remote workers: nothing crashes, hangs or grows, and all is counted."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import zmq

from sensorium.payloads.system import WorkerLost
from sensorium.workers.pool import door, joining, protocol
from sensorium.workers.pool.curve import read_pair, read_public

from .conftest import until
from .remote_parts import ANYWHERE, QUICK, Keys, commanded, endpoint_of
from .remote_parts import joining as joining_worker

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sensorium.workers.pool import PoolExecutor

    from .conftest import Stand

OPEN = {"devices": ("cpu",), "listen": ANYWHERE, **QUICK}
JOIN = joining.Join("lab", "one", "cpu", 1, [])


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys")


@contextmanager
def peer(
    pool: PoolExecutor, token: bytes = b"0123456789abcdef", keys: tuple[Keys, str] | None = None
) -> Iterator[zmq.Socket[bytes]]:
    """A DEALER at the pool's door."""
    with zmq.Context() as context, context.socket(zmq.DEALER) as dealer:
        dealer.setsockopt(zmq.LINGER, 0)
        dealer.setsockopt(zmq.IDENTITY, token + bytes(2))
        if keys is not None:
            pair = read_pair(keys[0].secret(keys[1]))
            dealer.curve_publickey, dealer.curve_secretkey = (
                pair.public.encode(),
                pair.secret.encode(),
            )
            dealer.curve_serverkey = read_public(keys[0].public("pool")).encode()
        dealer.connect(endpoint_of(pool))
        yield dealer


async def answer(dealer: zmq.Socket[bytes]) -> joining.FromPool:
    """The next thing the pool says that is not a pulse."""
    while True:
        await until(lambda: dealer.poll(0), "the pool answers")
        frames = dealer.recv_multipart()
        if frames != [joining.PULSE]:
            return joining.decode_from_pool(frames)


async def test_an_unknown_key_is_refused_counted_and_logged(
    stand: Stand, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    async with stand.pool("echo", **OPEN, **keys.of_pool) as pool:
        await pool.load("echo")
        async with commanded(endpoint_of(pool), *keys.arguments("stranger")) as worker:
            await until(lambda: worker.process.returncode is not None, "it gives up")
            assert await worker.end() == 1
            public = read_public(keys.public("stranger"))
            assert f"refused our key; its pool must have {public} in its clients" in worker.said
        assert pool.statistics().refused >= 1
        assert public in caplog.text
        assert [w.worker for w in pool.statistics().workers] == ["cpu"]
        assert await pool.infer("echo", 1) == 1


async def test_a_worker_with_the_wrong_key_of_the_pool_says_so_and_tries_on(
    stand: Stand, keys: Keys
) -> None:
    arguments = ["--key", keys.secret("worker"), "--server-key", keys.public("stranger")]
    async with stand.pool("echo", **OPEN, **keys.of_pool) as pool:
        await pool.load("echo")
        async with commanded(endpoint_of(pool), *arguments) as worker:
            assert worker.process.stdout is not None
            said = (await worker.process.stdout.readline()).decode()
            assert "does not answer as the pool whose key we were given" in said
            assert await worker.end() == 0
        assert await pool.infer("echo", 1) == 1
        assert pool.statistics().foreign == 0


@pytest.mark.parametrize("encrypted", [True, False])
async def test_raw_bytes_at_the_door_do_no_harm(
    stand: Stand, keys: Keys, *, encrypted: bool
) -> None:
    options = keys.of_pool if encrypted else {}
    async with stand.pool("echo", **OPEN, **options) as pool:
        await pool.load("echo")
        noise = random.Random(0)
        greeting = bytes.fromhex("ff00000000000000017f03")
        starts = [b"GET / HTTP/1.1\r\n\r\n", greeting, greeting + b"\0CURVE" + bytes(47), b""]
        for size in (0, 1, 64, 1000, 100_000):
            for start in starts:
                with connection(pool) as raw, suppress(OSError):
                    raw.send(start + noise.randbytes(size))
                assert await pool.infer("echo", size) == size
        assert pool.statistics().lost == 0


def open_files() -> list[str]:
    return [file.name for file in Path("/proc/self/fd").iterdir()]


@contextmanager
def connection(pool: PoolExecutor) -> Iterator[socket.socket]:
    port = int(endpoint_of(pool).rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as raw:
        raw.setblocking(False)
        yield raw


async def test_a_crowd_of_strangers_is_kept_small(stand: Stand, keys: Keys) -> None:
    async with stand.pool("echo", **OPEN, **keys.of_pool) as pool:
        await pool.load("echo")
        at_the_door = pool._supervisor.door
        assert at_the_door is not None
        port = int(at_the_door.endpoint.rpartition(":")[2])
        inside = len(open_files())
        strangers = []
        try:
            for number in range(5 * door.STRANGERS):
                strangers.append(socket.create_connection(("127.0.0.1", port)))
                if not number % 10:
                    assert await pool.infer("echo", number) == number
            shut = len(strangers) - door.STRANGERS
            await until(lambda: at_the_door._crowd.shut >= shut, "the others are shut out")
            await until(
                lambda: len(open_files()) - inside - len(strangers) <= door.STRANGERS + 2,
                "their descriptors are free",
            )
        finally:
            for stranger in strangers:
                stranger.close()
        async with joining_worker(endpoint_of(pool), **keys.of()):
            await until(lambda: pool.statistics().models["echo"].copies == 2, "a worker joins")


async def test_nonsense_from_somebody_with_a_connection_is_counted(stand: Stand) -> None:
    async with stand.pool("echo", **OPEN) as pool:
        await pool.load("echo")
        noise = random.Random(1)
        with peer(pool) as stranger:
            for _ in range(200):
                stranger.send_multipart([noise.randbytes(noise.randrange(60)) for _ in range(2)])
                stranger.send_multipart(protocol.encode(protocol.Heartbeat(1, 1)))
            await until(lambda: pool.statistics().foreign == 400)
            assert isinstance(await answer(stranger), joining.Gone | joining.Refused)
        assert await pool.infer("echo", 1) == 1
        assert len(pool._supervisor.posts) == 1


async def test_another_version_is_refused_with_words(stand: Stand) -> None:
    async with stand.pool("echo", **OPEN) as pool:
        await pool.load("echo")
        with peer(pool) as old:
            (frame,) = protocol.encode(JOIN)
            old.send(b"\x63" + bytes(frame)[1:])
            said = await answer(old)
            assert isinstance(said, joining.Refused)
            assert "version 99" in said.reason


@pytest.mark.parametrize(
    ("join", "words"),
    [
        (joining.Join("cpu", "x", "cpu", 1, []), "has a worker 'cpu' of its own"),
        (joining.Join("two words", "x", "cpu", 1, []), "session"),
        (joining.Join("lab", "x", "", 1, []), "session"),
        (joining.Join("lab", "x" * 101, "cpu", 1, []), "session"),
    ],
)
async def test_who_cannot_be_taken_in_is_told_why(
    stand: Stand, join: joining.Join, words: str
) -> None:
    async with stand.pool("echo", **OPEN) as pool:
        await pool.load("echo")
        with peer(pool) as dealer:
            dealer.send_multipart(protocol.encode(join))
            said = await answer(dealer)
            assert isinstance(said, joining.Refused | joining.Gone)
            assert words in said.reason
        assert len(pool._supervisor.lives) == 1


async def test_one_that_joins_and_never_answers_is_given_up(stand: Stand, keys: Keys) -> None:
    options = OPEN | {"devices": (), "hang_s": 0.3, **keys.of_pool}
    async with stand.pool("echo", **options) as pool:
        call = asyncio.ensure_future(pool.infer("echo", 7))
        with peer(pool, keys=(keys, "worker")) as silent:
            silent.send_multipart(protocol.encode(JOIN))
            assert isinstance(await answer(silent), joining.Welcome)
            assert isinstance(await answer(silent), protocol.Load)
            await until(lambda: stand.told(WorkerLost), "its silence is noticed")
            assert "not heard of" in stand.told(WorkerLost)[0].reason
            assert isinstance(await answer(silent), joining.Gone)
            async with joining_worker(endpoint_of(pool), **keys.of()):
                assert await call == 7


async def test_two_of_one_name_do_not_mix(stand: Stand) -> None:
    async with stand.pool("echo", **OPEN | {"hang_s": 30.0}) as pool:
        await pool.load("echo")
        with peer(pool, b"a" * 16) as one, peer(pool, b"b" * 16) as other:
            one.send_multipart(protocol.encode(JOIN))
            assert isinstance(await answer(one), joining.Welcome)
            other.send_multipart(protocol.encode(joining.Join("lab", "two", "cpu", 1, [])))
            said = await answer(other)
            assert isinstance(said, joining.Gone)
            assert "already" in said.reason
            other.send_multipart(protocol.encode(JOIN))  # the same one, joining anew
            assert isinstance(await answer(other), joining.Gone)
            await until(lambda: stand.told(WorkerLost), "its last session is ended")
            other.send_multipart(protocol.encode(JOIN))
            assert isinstance(await answer(other), joining.Welcome)


async def test_names_do_not_pile_up(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "WORKERS", 3)
    async with stand.pool("echo", **OPEN | {"hang_s": 30.0}) as pool:
        await pool.load("echo")
        for number in range(10):  # each leaves at once
            with peer(pool, b"%016d" % number) as dealer:
                dealer.send_multipart(
                    protocol.encode(joining.Join(f"lab-{number}", "x", "cpu", 1, []))
                )
                assert isinstance(await answer(dealer), joining.Welcome)
            await until(lambda n=number: len(stand.told(WorkerLost)) == n + 1)  # type: ignore[misc]
        assert len(pool._supervisor.posts) == 4
        assert len(pool._supervisor.lives) == 1


async def test_a_flood_of_refusals_fills_no_log(
    stand: Stand, keys: Keys, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING)
    async with stand.pool("echo", **OPEN, **keys.of_pool) as pool:
        await pool.load("echo")
        for _ in range(20):
            with peer(pool, keys=(keys, "stranger")):
                refused = pool.statistics().refused
                await until(lambda n=refused: pool.statistics().refused > n)  # type: ignore[misc]
        lines = [r for r in caplog.records if "connections were refused" in r.message]
        assert len(lines) <= pool.statistics().refused.bit_length()


async def test_a_pool_that_speaks_nonsense_does_not_stop_its_worker() -> None:
    """The other way round: a worker of a pool gone mad."""
    with zmq.Context() as context, context.socket(zmq.ROUTER) as mad:
        mad.setsockopt(zmq.LINGER, 0)
        port = mad.bind_to_random_port("tcp://127.0.0.1")
        noise = random.Random(2)
        async with joining_worker(f"tcp://127.0.0.1:{port}") as worker:
            await until(lambda: mad.poll(0), "it joins")
            identity, *frames = mad.recv_multipart()
            assert joining.decode_join(frames).name == "lab"
            mad.send_multipart([identity, *protocol.encode(joining.Welcome(0.05, 30.0))])
            for _ in range(200):
                mad.send_multipart([identity, noise.randbytes(noise.randrange(40)), b"", b"x"])
            for message in (protocol.Credit(5, 2**53, [1]), protocol.Cancel(3), protocol.Unload()):
                mad.send_multipart([identity, *protocol.encode(message)])
            for _ in range(5):
                await until(lambda: mad.poll(0), "its heart beats")
                beat = mad.recv_multipart()
                assert beat[0] == identity
                assert isinstance(protocol.decode_from_worker(beat[1:]), protocol.Heartbeat)
            assert worker.session


async def test_a_worker_leaves_a_pool_that_falls_silent_and_joins_anew() -> None:
    with zmq.Context() as context, context.socket(zmq.ROUTER) as silent:
        silent.setsockopt(zmq.LINGER, 0)
        port = silent.bind_to_random_port("tcp://127.0.0.1")
        async with joining_worker(f"tcp://127.0.0.1:{port}") as worker:
            await until(lambda: silent.poll(0), "it joins")
            first, *_ = silent.recv_multipart()
            session = worker.session
            silent.send_multipart([first, *protocol.encode(joining.Welcome(10.0, 0.2))])
            second = first
            while second == first:  # its heart beats
                await until(lambda: silent.poll(0), "it joins anew")
                second, *frames = silent.recv_multipart()
            assert joining.decode_join(frames).name == "lab"
            assert worker.session != session
