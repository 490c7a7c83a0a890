"""What a recording says of its session: settings, versions, plugins and models, with hashes."""

from __future__ import annotations

import hashlib
import inspect
import json
import platform
import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from sensorium import __version__
from sensorium.events import NS_PER_S
from sensorium.plugins.manager import Plugins
from sensorium.settings import ModelSettings, Settings, check_options

HIDDEN = "(hidden)"
_SECRET = re.compile(r"pass(word|wd|phrase)?$|secret|token$|api_?key|credential|(^|_)key$", re.I)

Facts = Iterator[tuple[str, dict[str, str]]]
"""Name and values of each Metadata record."""


def session_facts(settings: Settings | None, started: int, **options: object) -> Facts:
    """What ran, when, on what: ``sensorium.session``; its settings: ``sensorium.settings``.

    ``started`` is in ns since the epoch. Secrets in the settings are hidden.
    """
    moment = datetime.fromtimestamp(started / NS_PER_S, UTC)
    values = {
        "sensorium": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "started": str(started),
        "started_utc": moment.isoformat(timespec="milliseconds"),
    }
    if settings is not None:
        values |= {"agent": settings.agent.name, "seed": str(settings.agent.seed)}
    yield "sensorium.session", values | {key: str(value) for key, value in options.items()}
    if settings is not None:
        plain = without_secrets(settings.model_dump(mode="json"))
        yield "sensorium.settings", {"json": json.dumps(plain)}


def plugin_facts(plugins: Plugins) -> Facts:
    """``sensorium.plugin.NAME`` for each: where it comes from, and the sha256 of its sources."""
    for one in plugins.loaded:
        values = {"origin": one.origin}
        if one.error:
            values["error"] = one.error
        module = plugins.manager.get_plugin(one.name)
        if module is not None:
            values |= source_facts(module)
        yield f"sensorium.plugin.{one.name}", values


def model_facts(name: str, settings: Settings, plugins: Plugins) -> Facts:
    """``sensorium.model.NAME``: its class, options, the sha256 of its source and of its weights."""
    spec = settings.models.get(name, ModelSettings())
    use = spec.use or name
    model = plugins.models.get(use)
    options = check_options(model.Options, spec.options, f"models.{name}.options")
    plain = without_secrets(options.model_dump(mode="json"))
    values = {
        "use": use,
        "plugin": plugins.models.owner(use),
        "class": f"{model.__module__}:{model.__qualname__}",
        "placement": spec.placement,
        "options": json.dumps(plain),
    }
    values |= source_facts(model)
    weights: Mapping[str, str] = model.weights(options)
    values |= {f"weights {file}": sha256 for file, sha256 in weights.items()}
    yield f"sensorium.model.{name}", values


def source_facts(thing: Any) -> dict[str, str]:
    """The file that a module or class comes from, and the sha256 of its source.

    Of a package: of all its Python files, with their names.
    """
    try:
        path = Path(inspect.getsourcefile(thing) or "")
        files = sorted(path.parent.rglob("*.py")) if path.name == "__init__.py" else [path]
        whole = hashlib.sha256()
        for file in files:
            data = file.read_bytes()
            name = file.relative_to(path.parent).as_posix()
            whole.update(f"{name}\n{len(data)}\n".encode() + data)
    except (OSError, TypeError):  # made up at run time, or in C
        return {}
    return {"source": path.name, "source_sha256": whole.hexdigest()}


def without_secrets(tree: Any, key: str = "") -> Any:
    """``tree`` with the values of keys such as ``password`` hidden, and passwords in addresses."""
    if isinstance(tree, dict):
        return {name: without_secrets(value, str(name)) for name, value in tree.items()}
    if isinstance(tree, list):
        return [without_secrets(value, key) for value in tree]
    if isinstance(tree, str) and tree:
        return HIDDEN if _SECRET.search(key) else _without_password(tree)
    return tree


def _without_password(text: str) -> str:
    if "://" not in text or "@" not in text:
        return text
    try:
        parts = urlsplit(text)
    except ValueError:
        return HIDDEN
    if parts.password is None:
        return text
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:{HIDDEN}@{host}"))
