"""The HTTP side of a session: metrics, statistics, a live page, and what plugins add."""

from sensorium.web.options import WebOptions

__all__ = ["WebOptions"]
