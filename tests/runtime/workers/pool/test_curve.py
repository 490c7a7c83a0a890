"""Key files: made once, read by nobody else, and refused with words when they are no use."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
import zmq
import zmq.auth
from zmq.utils import z85

from sensorium.errors import SettingsError
from sensorium.settings import load_settings
from sensorium.workers.pool import curve
from sensorium.workers.pool.staying import JoinOptions, RemoteStay


def test_keys_are_those_of_zeromqs_own_tools_and_secret(tmp_path: Path) -> None:
    files = curve.create_keys(tmp_path / "keys", ["pool"])
    assert [file.name for file in files] == ["pool.key", "pool.key_secret"]
    assert stat.S_IMODE(files[1].stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    pair = curve.read_pair(str(files[1]))
    assert (pair.public.encode(), pair.secret.encode()) == zmq.auth.load_certificate(files[1])
    assert zmq.curve_public(pair.secret.encode()) == pair.public.encode()
    assert pair.secret not in repr(pair)
    assert curve.read_public(str(files[0])) == curve.read_public(pair.public) == pair.public


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    (_, secret) = curve.create_keys(tmp_path, ["pool"])
    before = secret.read_text()
    with pytest.raises(SettingsError, match="exists already"):
        curve.create_keys(tmp_path, ["other", "pool"])
    assert secret.read_text() == before
    assert not (tmp_path / "other.key").exists()


@pytest.mark.parametrize("name", ["", "a/b", "../x"])
def test_a_name_is_that_of_a_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="cannot be the name of a key"):
        curve.create_keys(tmp_path, [name])


def test_clients_are_keys_files_and_folders(tmp_path: Path) -> None:
    curve.create_keys(tmp_path / "a", ["one", "two"])
    curve.create_keys(tmp_path / "b", ["three"])
    text = curve.read_public(str(tmp_path / "b" / "three.key"))
    found = curve.read_clients([str(tmp_path / "a"), text, str(tmp_path / "a" / "one.key")])
    assert len(found) == 3
    assert z85.decode(text.encode()) in found


def test_a_secret_that_others_can_read_is_refused(tmp_path: Path) -> None:
    (_, secret) = curve.create_keys(tmp_path, ["pool"])
    secret.chmod(0o640)
    with pytest.raises(SettingsError, match=r"others can read.*chmod 600"):
        curve.read_pair(str(secret))


@pytest.mark.parametrize("content", ["", 'curve\n    public-key = "short"\n', "x" * 40, "\0\xff"])
def test_what_is_no_key_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "bad.key"
    file.write_text(content)
    for read in (curve.read_pair, curve.read_public):
        with pytest.raises(SettingsError, match=r"bad\.key"):
            read(str(file))


def test_other_mistakes_are_named(tmp_path: Path) -> None:
    curve.create_keys(tmp_path / "keys", ["pool"])
    with pytest.raises(SettingsError, match="holds no secret key"):
        curve.read_pair(str(tmp_path / "keys" / "pool.key"))
    with pytest.raises(SettingsError, match="no key can be read"):
        curve.read_public(str(tmp_path / "nowhere.key"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SettingsError, match="holds no public key"):
        curve.read_clients([str(tmp_path / "empty")])
    with pytest.raises(SettingsError, match="is no CURVE key"):
        curve.read_public('"' * 40)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"listen": "tcp://0.0.0.0:5757"}, "need keys on both sides"),
        ({"listen": "tcp://192.168.0.2:5757"}, "sensorium worker keys"),
        ({"listen": "tcp://0.0.0.0:5757", "key": "k"}, "belong together"),
        ({"listen": "tcp://127.0.0.1:5757", "clients": ["k"]}, "belong together"),
        ({"key": "k", "clients": ["k"]}, "set listen"),
        ({"listen": "tcp://127.0.0.1"}, r"tcp://HOST:PORT"),
        ({"listen": "ipc://x"}, r"tcp://HOST:PORT"),
        ({"listen": "udp://127.0.0.1:1"}, "ipc:// or tcp://"),
        ({"devices": []}, "devices is empty"),
    ],
)
def test_settings_that_cannot_work_are_refused(table: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words) as caught:
        load_settings(environ={}, overrides={"workers": table})
    assert caught.value.key.startswith("workers")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (JoinOptions("tcp://10.0.0.1:5757"), "need keys on both sides"),
        (JoinOptions("tcp://127.0.0.1:5757", key="x"), "belong together"),
        (JoinOptions("ipc://@x"), "tcp://HOST:PORT"),
    ],
)
def test_a_worker_that_cannot_join_says_why(options: JoinOptions, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        RemoteStay(options)
