"""Settings: one TOML file that composes an agent, and environment variables that override it.

``SENSORIUM__COMPONENTS__CAMERA__OPTIONS__DEVICE=1`` sets ``components.camera.options.device``
(two underscores between levels; a value is read as JSON where it is JSON). An unknown key, a
wrong type or a missing file is a :class:`SettingsError` that names the key, where it came from
and what is allowed.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sensorium.delivery import DeliveryPolicy
from sensorium.effects.options import EffectsOptions
from sensorium.errors import SettingsError, TopicError
from sensorium.plugins.hookspecs import ErrorAction
from sensorium.telemetry.options import TelemetryOptions
from sensorium.topics import check_pattern, check_topic
from sensorium.web.options import WebOptions
from sensorium.workers.options import PoolOptions
from sensorium.workers.ray_cluster import RayOptions

PREFIX = "SENSORIUM__"
Layer = dict[str, Any]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _as_input(value: Any) -> Any:
    return {"topic": value} if isinstance(value, str) else value


def _readable_policy(text: str) -> str:
    try:
        DeliveryPolicy.parse(text)
    except SettingsError as error:
        raise ValueError(str(error)) from error
    return text


def _exact_topic(topic: str) -> str:
    return _checked(check_topic, topic)


def _topic_pattern(pattern: str) -> str:
    return _checked(check_pattern, pattern)


def _checked(check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except TopicError as error:  # pydantic names the key only of what raises ValueError
        raise ValueError(str(error)) from error


class InputSettings(_Table):
    """Where an input listens and what its mailbox does when full."""

    topic: Annotated[str, AfterValidator(_topic_pattern)] | None = None
    policy: Annotated[str, AfterValidator(_readable_policy)] | None = None


class ErrorSettings(_Table):
    """What happens to a component that raises, where no plugin says otherwise."""

    action: ErrorAction = ErrorAction.RESTART
    max_restarts: int = Field(5, ge=0)
    """Within ``window_s``; one more and the component is disabled."""
    window_s: float = Field(60.0, gt=0)
    backoff_s: float = Field(0.1, ge=0)
    """Wait before the first restart; doubles up to ``max_backoff_s``."""
    max_backoff_s: float = Field(10.0, ge=0)


class ComponentSettings(_Table):
    """One stage of the agent."""

    use: str = ""
    """Registered name of its class; the table's own name if empty."""
    enabled: bool = True
    options: dict[str, Any] = {}
    takes: dict[str, Annotated[InputSettings, BeforeValidator(_as_input)]] = {}
    gives: dict[str, Annotated[str, AfterValidator(_exact_topic)]] = {}
    on_error: ErrorSettings = ErrorSettings()


class ModelSettings(_Table):
    """Where one model runs, and its options."""

    use: str = ""
    """Registered name of its class; the table's own name if empty."""
    placement: Literal["inline", "thread", "worker", "ray"] = "thread"
    device: str = "cpu"
    """Where it computes inline, in a thread or on Ray; a worker has one of ``workers.devices``."""
    options: dict[str, Any] = {}
    workers: tuple[str, ...] = ()
    """Names of the workers that host it (``cpu``, ``cpu-2``); all of them if empty."""
    concurrency: int = Field(1, ge=1, le=64)
    """Copies of it on each worker, or on Ray: an actor each."""
    max_batch: int = Field(32, ge=1)
    """Requests in one batch."""
    max_batch_bytes: int = Field(64 * 1024 * 1024, ge=1)
    """Bytes of requests in one batch."""


class AgentSettings(_Table):
    """The agent as a whole."""

    name: str = "agent"
    seed: int = 0


class LogSettings(_Table):
    """What is logged, and how."""

    level: Literal["debug", "info", "warning", "error"] = "warning"
    format: Literal["text", "json"] = "text"


class WatchdogSettings(_Table):
    """When a blocked event loop is reported."""

    enabled: bool = True
    threshold_ms: float = Field(250.0, gt=0)


class ShutdownSettings(_Table):
    """How long each stage of shutdown may take."""

    drain_s: float = Field(5.0, ge=0)
    cancel_s: float = Field(5.0, gt=0)


class PluginSettings(_Table):
    """Which plugins are used beside the installed ones, and which are left out."""

    modules: tuple[str, ...] = ()
    """Importable modules, or paths of ``.py`` files: relative to the settings file, if they
    stand in one, else to the current folder."""
    disabled: tuple[str, ...] = ()


class Settings(_Table):
    """Everything about a session."""

    agent: AgentSettings = AgentSettings()
    log: LogSettings = LogSettings()
    watchdog: WatchdogSettings = WatchdogSettings()
    shutdown: ShutdownSettings = ShutdownSettings()
    plugins: PluginSettings = PluginSettings()
    workers: PoolOptions = PoolOptions()
    ray: RayOptions = RayOptions()
    effects: EffectsOptions = EffectsOptions()
    telemetry: TelemetryOptions = TelemetryOptions()
    web: WebOptions = WebOptions()
    models: dict[str, ModelSettings] = {}
    components: dict[str, ComponentSettings] = {}


def load_settings(
    path: Path | None = None,
    *,
    environ: Mapping[str, str] | None = None,
    overrides: Layer | None = None,
) -> Settings:
    """Read a settings file, lay environment variables and then ``overrides`` over it, and check.

    Raises :class:`SettingsError`.
    """
    layers: list[tuple[str, Layer]] = []
    if path is not None:
        layers.append((str(path), _anchored(_read(path), path.parent)))
    for name, layer in _environment(os.environ if environ is None else environ):
        layers.append((name, layer))
    if overrides:
        layers.append(("the command line", overrides))
    merged: Layer = {}
    for _, layer in layers:
        merged = merge(merged, layer)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise _explain(error, layers[::-1]) from error


def check_options(model: type[BaseModel], options: Mapping[str, Any], key: str) -> Any:
    """Validate options of a component or model. Raises :class:`SettingsError` naming the key."""
    try:
        return model.model_validate(dict(options))
    except ValidationError as error:
        raise _explain(error, [("the settings", {})], model=model, prefix=key) from error


def merge(below: Layer, above: Layer) -> Layer:
    """``above`` over ``below``, table by table; neither is changed."""
    merged = dict(below)
    for key, value in above.items():
        held = merged.get(key)
        both = isinstance(held, dict) and isinstance(value, dict)
        merged[key] = merge(held, value) if both else value  # type: ignore[arg-type]
    return merged


def _read(path: Path) -> Layer:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError(
            f"settings file {path} does not exist; --settings names another", origin=str(path)
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"settings file {path}: {error}", origin=str(path)) from error


def _anchored(layer: Layer, folder: Path) -> Layer:
    """Plugin files that a settings file names are looked for beside it."""
    table = layer.get("plugins")
    modules = table.get("modules") if isinstance(table, dict) else None
    if not isinstance(modules, list):
        return layer
    placed = [str(folder / m) if str(m).endswith(".py") else m for m in modules]
    return merge(layer, {"plugins": {"modules": placed}})


def _environment(environ: Mapping[str, str]) -> list[tuple[str, Layer]]:
    layers = []
    for name in sorted(environ):
        if not name.startswith(PREFIX):
            continue
        levels = name[len(PREFIX) :].lower().split("__")
        if not all(levels):
            raise SettingsError(
                f"{name}: write {PREFIX}TABLE__KEY, two underscores between levels", origin=name
            )
        layer: Any = _value(environ[name])
        for level in reversed(levels):
            layer = {level: layer}
        layers.append((name, layer))
    return layers


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _explain(
    error: ValidationError,
    layers: list[tuple[str, Layer]],  # the topmost first
    *,
    model: type[BaseModel] = Settings,
    prefix: str = "",
) -> SettingsError:
    """Turn pydantic's first complaint into one that a person can act on."""
    problem = error.errors(include_url=False)[0]
    path = [str(part) for part in problem["loc"]]
    key = ".".join([prefix, *path] if prefix else path)
    # Of the layers that hold most of the path the last one: it overrode the others.
    origin = max(layers, key=lambda layer: _depth(layer[1], path), default=("the defaults", {}))[0]
    if problem["type"] == "extra_forbidden":
        allowed = _allowed(model, path[:-1])
        close = get_close_matches(path[-1], allowed, n=1)
        guess = f" (did you mean {close[0]!r}?)" if close else ""
        what = f"unknown key{guess}. Allowed here: {', '.join(sorted(allowed)) or 'nothing'}"
    elif problem["type"] == "missing":
        what = "is required and missing"
    else:
        what = f"{problem['msg'].removeprefix('Value error, ')}, not {problem['input']!r}"
    return SettingsError(f"{origin}: {key}: {what}", key=key, origin=origin)


def _depth(layer: Any, path: list[str]) -> int:
    """How much of ``path`` the layer holds."""
    for depth, part in enumerate(path):
        if not isinstance(layer, dict) or part not in layer:
            return depth
        layer = layer[part]
    return len(path)


def _allowed(model: Any, path: list[str]) -> list[str]:
    """Keys allowed in the table at ``path`` below ``model``."""
    for part in path:
        fields = getattr(model, "model_fields", None)
        if fields is not None:
            if part not in fields:
                return []
            model = fields[part].annotation
            arguments: Any = getattr(model, "__args__", ())
            if getattr(model, "__origin__", None) is dict:
                model = _Mapping(arguments[1])
        elif isinstance(model, _Mapping):
            model = model.value
    return list(getattr(model, "model_fields", ()))


class _Mapping:
    def __init__(self, value: Any) -> None:
        self.value = (
            getattr(value, "__origin__", value) if hasattr(value, "__metadata__") else value
        )
