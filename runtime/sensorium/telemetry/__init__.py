"""What a session measures of itself: off by default, and then absent from the bus.

:class:`~sensorium.telemetry.telemetry.Telemetry` is made by a session whose settings ask for it;
:func:`~sensorium.telemetry.snapshot.snapshot` describes any running session as one JSON value.
"""

from sensorium.telemetry.options import TelemetryOptions

__all__ = ["TelemetryOptions"]
