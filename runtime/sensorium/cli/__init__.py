"""The command line."""

from sensorium.cli.main import main

__all__ = ["main"]
