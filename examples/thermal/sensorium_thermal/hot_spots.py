"""Finding what is hot in a thermal frame."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sensorium import ComponentOptions, Emit, Event, Input, Output, Perceiver
from sensorium.payloads import Detections

from sensorium_thermal.payload import ThermalFrame


class HotSpots(Perceiver):
    """Puts a box around every connected region hotter than a threshold, hottest first."""

    class Options(ComponentOptions):
        """What counts as hot."""

        threshold: float = 30.0
        """Degrees Celsius."""
        min_pixels: int = 4
        """Smaller regions are noise."""
        full_score_above: float = 10.0
        """Degrees above the threshold at which a spot's score reaches 1."""

    takes = {"frame": Input("thermal/+/frame", ThermalFrame)}
    gives = {"spots": Output("thermal/{name}/spots", Detections)}

    async def process(self, event: Event[ThermalFrame], emit: Emit) -> None:
        """Emit the spots of one frame; each label is its highest temperature."""
        celsius, options = event.payload.celsius, self.options
        spots = []
        labels = regions(celsius > options.threshold)
        for label in np.unique(labels[labels > 0]):
            rows, columns = np.nonzero(labels == label)
            if len(rows) >= options.min_pixels:
                box = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
                spots.append((float(celsius[rows, columns].max()), box))
        spots.sort(reverse=True)
        excess = [(hottest - options.threshold) / options.full_score_above for hottest, _ in spots]
        await emit(
            Detections(
                labels=tuple(f"{hottest:.1f} °C" for hottest, _ in spots),
                scores=tuple(min(1.0, part) for part in excess),
                boxes=np.array([box for _, box in spots], np.float32).reshape(-1, 4),
            )
        )


def regions(mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Number the 4-connected regions of ``mask`` (H, W); 0 is outside of all.

    Each pixel takes the highest number among itself and its neighbours until nothing changes.
    """
    labels = np.arange(1, mask.size + 1).reshape(mask.shape) * mask
    while True:
        padded = np.pad(labels, 1)
        beside = (padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:])
        grown: NDArray[np.int64] = np.maximum.reduce([labels, *beside]) * mask
        if np.array_equal(grown, labels):
            return labels
        labels = grown
