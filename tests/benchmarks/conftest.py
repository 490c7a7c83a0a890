"""The suite is no installed package: the command puts its folder on the path, and so do tests."""

from __future__ import annotations

from sensorium_plugins.commands.bench import CHECKOUT, load_suite

load_suite(CHECKOUT)
