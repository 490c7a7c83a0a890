"""How accuracy falls as inputs get worse: MultiBench's two measures (Liang et al., 2021).

A curve holds the accuracy at imperfections 0.0, 0.1, … 1.0. MultiBench then scales each measure
over the methods it compares; that is :func:`scaled`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sensorium.errors import BadInput

STEP = 0.1
LEVELS = tuple(round(at * STEP, 1) for at in range(11))


def relative_robustness(curve: Sequence[float]) -> float:
    """The area under the curve, by the trapezoid rule."""
    values = _checked(curve)
    return float(((values[:-1] + values[1:]) / 2).sum() * STEP)


def effective_robustness(curve: Sequence[float], late: Sequence[float]) -> float:
    """The sum of what the curve is above late fusion's, when that is moved to begin where it does.

    So being better on clean data does not count; falling more slowly does.
    """
    values, reference = _checked(curve), _checked(late)
    if len(values) != len(reference):
        raise BadInput(f"the curves have {len(values)} and {len(reference)} points")
    return float((values - (reference + values[0] - reference[0])).sum())


def scaled(measures: Mapping[str, float]) -> dict[str, float]:
    """The measures of several methods, the worst as 0 and the best as 1."""
    low, high = min(measures.values()), max(measures.values())
    return {name: (value - low) / (high - low or 1.0) for name, value in measures.items()}


def _checked(curve: Sequence[float]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(curve, np.float64)
    if values.ndim != 1 or len(values) < 2:
        raise BadInput("a curve of robustness needs two points or more")
    return values
