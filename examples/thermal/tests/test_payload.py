from __future__ import annotations

import numpy as np
import pytest
from sensorium.errors import PayloadError
from sensorium.testing import check_payload

from sensorium_thermal.payload import ThermalFrame


def test_a_frame_travels_unchanged() -> None:
    frame = ThermalFrame(np.linspace(20, 40, 12, dtype=np.float32).reshape(3, 4))
    assert check_payload(ThermalFrame, frame) == []


@pytest.mark.parametrize(
    "celsius", [np.zeros((2, 2)), np.zeros((2, 2, 1), np.float32), np.zeros((0, 2), np.float32)]
)
def test_what_is_not_a_frame_is_refused(celsius: np.ndarray) -> None:
    with pytest.raises(PayloadError, match="height, width"):
        ThermalFrame(celsius)
