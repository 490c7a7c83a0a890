"""Keys of pools and remote workers: CURVE pairs in the certificate files of ZeroMQ's tools.

``NAME.key`` holds a public key, ``NAME.key_secret`` both (rfc.zeromq.org/spec/26; the files are
those of czmq and of ``zmq.auth``).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import zmq
from zmq.auth.certs import create_certificates, load_certificate
from zmq.utils import z85

from sensorium.errors import SettingsError

MAKE_KEYS = "`sensorium worker keys FOLDER` makes some"
_LENGTH = 40  # characters of a key as text (Z85)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A public key and its secret, as text."""

    public: str
    secret: str

    def __repr__(self) -> str:
        return f"KeyPair({self.public})"


def create_keys(folder: Path, names: Iterable[str]) -> list[Path]:
    """Make a pair of files for each name; returns the files.

    Nobody but their owner can read those with secrets. Raises :class:`SettingsError` for a name
    that is taken: a key that is in use is never replaced.
    """
    wanted = list(names)
    for name in wanted:
        if not name or Path(name).name != name:
            raise SettingsError(f"{name!r} cannot be the name of a key: it becomes that of a file")
        for file in (folder / f"{name}.key", folder / f"{name}.key_secret"):
            if file.exists():
                raise SettingsError(f"{file} exists already, and may be in use")
    files = []
    before = os.umask(0o077)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name in wanted:
            public, secret = map(Path, create_certificates(folder, name))
            public.chmod(0o644)
            files += [public, secret]
    except OSError as error:
        raise SettingsError(f"keys cannot be written to {folder}: {error}") from error
    finally:
        os.umask(before)
    return files


def read_pair(path: str) -> KeyPair:
    """The pair in a ``.key_secret`` file. Raises :class:`SettingsError`."""
    file = Path(path).expanduser()
    public, secret = _load(file)
    if not secret:
        raise SettingsError(f"{file} holds no secret key; the file that does ends in .key_secret")
    if stat.S_IMODE(file.stat().st_mode) & 0o077:
        raise SettingsError(f"others can read the secret key {file}. Run: chmod 600 {file}")
    return KeyPair(public, secret)


def read_public(reference: str) -> str:
    """A public key: the 40 characters of one, or the file that holds it."""
    if len(reference) == _LENGTH and not Path(reference).exists():
        return _checked(reference, reference)
    return _load(Path(reference).expanduser())[0]


def read_clients(references: Iterable[str]) -> frozenset[bytes]:
    """Public keys (as ZeroMQ hands them over: 32 bytes) of keys, files, and folders of files."""
    keys = set()
    for reference in references:
        folder = Path(reference).expanduser()
        if folder.is_dir():
            found = sorted(folder.glob("*.key"))
            if not found:
                raise SettingsError(f"{folder} holds no public key (*.key)")
            keys |= {_load(file)[0] for file in found}
        else:
            keys.add(read_public(reference))
    return frozenset(z85.decode(key.encode()) for key in keys)


def _load(file: Path) -> tuple[str, str]:
    try:
        public, secret = load_certificate(file)
    except (OSError, ValueError) as error:
        raise SettingsError(f"no key can be read from {file}: {error}; {MAKE_KEYS}") from error
    return (
        _checked(public.decode("ascii", "replace"), str(file)),
        _checked(secret.decode("ascii", "replace"), str(file)) if secret else "",
    )


def _checked(key: str, origin: str) -> str:
    try:
        if len(key) == _LENGTH and len(z85.decode(key.encode("ascii"))) == 32:
            return key
    except (ValueError, KeyError, ArithmeticError, zmq.ZMQError):
        pass
    raise SettingsError(f"{origin} is no CURVE key of {_LENGTH} characters; {MAKE_KEYS}")
