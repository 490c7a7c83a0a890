"""Plugins without packaging: an importable module, or one ``.py`` file, named in the settings."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import Any

from sensorium.errors import SensoriumError


def is_file(reference: str) -> bool:
    """Whether ``reference`` names a file (``plugins/my_plugin.py``), not a module."""
    return reference.endswith(".py")


def plugin_name(reference: str) -> str:
    """The name the plugin goes by: its file's stem, or its dotted module name."""
    return Path(reference).stem if is_file(reference) else reference


def load_module(reference: str) -> Any:
    """Import the module or run the file.

    Raises :class:`SensoriumError` when there is no such file, and whatever the code raises.
    """
    if not is_file(reference):
        return importlib.import_module(reference)
    path = Path(reference).expanduser().resolve()
    if not path.is_file():
        raise SensoriumError(f"there is no file {path} (named in [plugins] modules)")
    # A prefix keeps a file called json.py from replacing the json that everybody imports.
    name = f"sensorium_plugin_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise SensoriumError(f"{path} cannot be loaded as a Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses and pydantic look annotations up by module name
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
