"""Shared by the tests of planners in worlds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sensorium import load_plugins

if TYPE_CHECKING:
    from sensorium.plugins import Plugins


@pytest.fixture(scope="session")
def bundled() -> Plugins:
    return load_plugins()
