"""From settings to the executor of a session: which model runs where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from sensorium.errors import SettingsError
from sensorium.payloads.base import Payload
from sensorium.plugins.manager import Plugins
from sensorium.settings import ModelSettings, Settings, check_options
from sensorium.workers.combined import CombinedExecutor
from sensorium.workers.executor import Executor
from sensorium.workers.inprocess import Hosted, InProcessExecutor
from sensorium.workers.options import PoolModel

DEFAULT = ModelSettings()


def model_settings(settings: Settings, plugins: Plugins) -> dict[str, ModelSettings]:
    """Every model of the session by name: all that plugins bring, and those that settings add.

    Raises :class:`UnknownName` when settings name a model that no plugin brings.
    """
    models = {}
    for name in sorted({*plugins.models, *settings.models}):
        spec = settings.models.get(name, DEFAULT)
        use = spec.use or name
        if use not in plugins.models:
            plugins.models.get(use)  # raises, with the names there are
        models[name] = spec.model_copy(update={"use": use})
    return models


def executor_of(
    models: Mapping[str, ModelSettings],
    settings: Settings,
    plugins: Plugins,
    announce: Callable[[Payload], None],
) -> Executor:
    """The executor that hosts each of ``models`` where its settings put it.

    Worker processes and a Ray cluster are made only where a model wants one; what becomes of the
    workers is told to ``announce``.
    """
    far = {name: spec for name, spec in models.items() if spec.placement == "worker"}
    on_ray = {name: spec for name, spec in models.items() if spec.placement == "ray"}
    near = {name: spec for name, spec in models.items() if name not in {*far, *on_ray}}
    inside: Executor = InProcessExecutor(
        {
            name: Hosted(
                partial(_make, plugins, name, spec),
                "inline" if spec.placement == "inline" else "thread",
                spec.device,
            )
            for name, spec in near.items()
        }
    )
    placed = dict.fromkeys(near, inside)
    if far:
        placed |= dict.fromkeys(far, _pool(settings, far, announce))
    if on_ray:
        placed |= dict.fromkeys(on_ray, _ray(settings, on_ray))
    return CombinedExecutor(placed) if far or on_ray else inside


def _make(plugins: Plugins, name: str, spec: ModelSettings) -> Any:
    model_class = plugins.models.get(spec.use)
    return model_class(check_options(model_class.Options, spec.options, f"models.{name}.options"))


def _pool(
    settings: Settings, models: dict[str, ModelSettings], announce: Callable[[Payload], None]
) -> Executor:
    from sensorium.workers.pool import PoolExecutor  # brings ZeroMQ, which few sessions need

    options = settings.workers.model_copy(
        update={
            "modules": settings.plugins.modules,
            "disabled": settings.plugins.disabled,
            "log_level": settings.log.level,
        }
    )
    hosted = {
        name: PoolModel(
            use=spec.use,
            options=spec.options,
            workers=spec.workers,
            concurrency=spec.concurrency,
            max_batch=spec.max_batch,
            max_batch_bytes=spec.max_batch_bytes,
        )
        for name, spec in models.items()
    }
    return PoolExecutor(hosted, options, on_event=announce)


def _ray(settings: Settings, models: dict[str, ModelSettings]) -> Executor:
    from sensorium.workers.ray import RayExecutor, RayModel

    for name, spec in models.items():
        if spec.workers:
            raise SettingsError(
                f'models.{name}.workers: with placement = "ray" it is Ray that places a model'
            )
    plugins = settings.plugins
    options = settings.ray.model_copy(
        update={"modules": plugins.modules, "disabled": plugins.disabled}
    )
    hosted = {
        name: RayModel(
            use=spec.use,
            options=spec.options,
            device=spec.device,
            copies=spec.concurrency,
            gpus=1 if spec.device.startswith("cuda") else 0,
            max_batch=spec.max_batch,
            max_batch_bytes=spec.max_batch_bytes,
        )
        for name, spec in models.items()
    }
    return RayExecutor(hosted, options)
