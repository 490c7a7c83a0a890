"""Sessions: running an agent's components, supervised, from settings to an orderly end."""

from sensorium.session.session import Session

__all__ = ["Session"]
