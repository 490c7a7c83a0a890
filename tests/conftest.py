"""Shared by every test: property-test settings and the check that nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

settings.register_profile(
    "suite",
    deadline=None,  # shared machines: a slow example is no failure
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.register_profile("thorough", settings.get_profile("suite"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))

OPEN_FILES = Path("/proc/self/fd")
ENDING_S = 5.0  # how long a thread that was told to end may take on a busy machine


def open_files() -> set[str]:
    """What the process's file descriptors point to; empty where the system does not say."""
    if not OPEN_FILES.is_dir():
        return set()
    found = set()
    for descriptor in OPEN_FILES.iterdir():
        try:
            found.add(f"{descriptor.name} -> {descriptor.readlink()}")
        except OSError:  # the one that listed the folder
            continue
    return found


def pytest_configure() -> None:
    """Commands under test are interrupted; a shell has its background jobs ignore that, and theirs.

    What is ignored here would be in every child process, too.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail if the test leaves a thread or a file behind."""
    threads = set(threading.enumerate())
    files = open_files()
    yield
    end = time.monotonic() + ENDING_S
    for thread in set(threading.enumerate()) - threads:
        thread.join(max(0.0, end - time.monotonic()))
    left = [thread.name for thread in set(threading.enumerate()) - threads]
    assert not left, f"threads left behind: {left}"
    gc.collect()
    assert open_files() <= files, f"files left open: {open_files() - files}"


@pytest.fixture
async def no_tasks() -> AsyncIterator[None]:
    """Fail if the test leaves a task running on its loop."""
    before = asyncio.all_tasks()
    yield
    me = asyncio.current_task()
    left = [task.get_name() for task in asyncio.all_tasks() - before - {me} if not task.done()]
    assert not left, f"tasks left behind: {left}"
