"""A hub on request: its files, the record they are held to, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sensorium.errors import ModelCorrupt, ModelUnavailable, SourceUnavailable
from sensorium_models.store import Manifest, ModelStore, State
from sensorium_models.store.hub import snapshot_from_hub

if TYPE_CHECKING:
    from pathlib import Path


class FakeHub:
    """A hub with one repository of two files, and the bookkeeping a hub client leaves."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[str, ...]]] = []
        self.files = {"model.safetensors": b"full precision", "sub/config.json": b"{}"}

    def __call__(self, repository: str, patterns: tuple[str, ...], folder: Path) -> str:
        self.asked.append((repository, patterns))
        for name, content in {**self.files, ".cache/lock": b""}.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(content)
        return "abc123"


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def store(tmp_path: Path, tiny_manifest: Manifest, fetch: Any, hub: FakeHub) -> ModelStore:
    root = tmp_path / "root"
    return ModelStore(root, manifest=tiny_manifest, local={}, fetch=fetch, snapshot=hub)


def test_hub_files_replace_the_carriers_and_are_recorded(store: ModelStore, hub: FakeHub) -> None:
    store.pull("tiny")
    folder = store.pull("tiny", origin="hub")
    assert store.files("tiny") == ["model.safetensors", "sub/config.json"]
    assert store.path("tiny") == folder
    assert not (folder / "weights.bin").exists()
    assert store.status("tiny", full=True) is State.OK
    assert hub.asked[0][0] == "example/tiny"
    assert '"revision": "abc123"' in (folder / "hub.json").read_text()


def test_pull_keeps_good_hub_files_and_manifest_goes_back(store: ModelStore, fetch: Any) -> None:
    store.pull("tiny", origin="hub")
    store.pull("tiny")
    assert fetch.calls == []
    folder = store.pull("tiny", origin="manifest")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "weights.bin"]
    assert store.verify("tiny") == []


def test_damaged_hub_file_is_noticed_and_mended_from_the_carrier(store: ModelStore) -> None:
    folder = store.pull("tiny", origin="hub")
    (folder / "model.safetensors").write_bytes(b"short")
    with pytest.raises(ModelCorrupt, match=r"model\.safetensors is 5 bytes, expected 14"):
        store.path("tiny")
    store.pull("tiny")
    assert store.files("tiny") == ["weights.bin", "config.json"]
    assert store.verify("tiny") == []


def test_unreadable_record_counts_as_none(store: ModelStore) -> None:
    folder = store.pull("tiny", origin="hub")
    (folder / "hub.json").write_text('{"files": [{"name": "../../x"}]}')
    assert store.status("tiny") is State.MISSING
    store.pull("tiny")
    assert store.verify("tiny") == []


def test_hub_that_has_nothing_leaves_what_was_there(
    store: ModelStore, hub: FakeHub, weights: bytes
) -> None:
    folder = store.pull("tiny")
    hub.files = {}
    with pytest.raises(ModelUnavailable, match="example/tiny has none of its files"):
        store.pull("tiny", origin="hub")
    assert (folder / "weights.bin").read_bytes() == weights


def test_entry_without_a_hub_says_so(tmp_path: Path, tiny_manifest: Manifest, hub: FakeHub) -> None:
    entry = tiny_manifest.models[0].model_copy(update={"hub": None})
    manifest = tiny_manifest.model_copy(update={"models": (entry,)})
    store = ModelStore(tmp_path / "root", manifest=manifest, local={}, snapshot=hub)
    with pytest.raises(ModelUnavailable, match="names no hub repository"):
        store.pull("tiny", origin="hub")


def test_no_way_to_the_hub_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    huggingface_hub = pytest.importorskip("huggingface_hub")

    def unreachable(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", unreachable)
    with pytest.raises(SourceUnavailable, match=r"Name or service not known.*--from PATH"):
        snapshot_from_hub("example/tiny", ("*.json",), tmp_path)


def test_failing_hub_names_the_model(store: ModelStore, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> str:
        raise SourceUnavailable("the hub says no")

    monkeypatch.setattr(store, "_snapshot", refuse)
    with pytest.raises(ModelUnavailable, match="model 'tiny': the hub says no") as caught:
        store.pull("tiny", origin="hub")
    assert caught.value.model == "tiny"
