"""What a thermal camera gives."""

from __future__ import annotations

import numpy as np
from sensorium import Array, DeliveryPolicy, Payload, Shed, payload
from sensorium.errors import PayloadError


@payload("thermal.frame", policy=DeliveryPolicy.latest(), shed=Shed.VIDEO)
class ThermalFrame(Payload):
    """One picture of temperatures. Raises PayloadError unless it is (H, W) float32."""

    celsius: Array
    """(H, W) float32, degrees Celsius, row 0 at the top."""

    def __post_init__(self) -> None:
        celsius = self.celsius
        if celsius.ndim != 2 or celsius.dtype != np.float32 or 0 in celsius.shape:
            raise PayloadError(
                f"a ThermalFrame is (height, width) float32, not {celsius.shape} {celsius.dtype}"
            )
