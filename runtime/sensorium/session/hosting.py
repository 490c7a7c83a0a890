"""From settings to the executor of a session: which model runs where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

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

    Worker processes are made only where a model wants one; what becomes of them is told to
    ``announce``.
    """
    near = {name: spec for name, spec in models.items() if spec.placement != "worker"}
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
    far = {name: spec for name, spec in models.items() if name not in near}
    if not far:
        return inside
    pool = _pool(settings, far, announce)
    return CombinedExecutor({name: pool if name in far else inside for name in models})


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
