"""FID and KID: how far apart two sets of pictures are, in the features of a named network.

The name travels with the features, and sets of different names are never compared: an FID in our
stand-in's features says nothing beside a published one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput

F64 = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """``values`` (N, D) of N pictures, in the features called ``name``."""

    name: str
    values: NDArray[np.floating]

    def __post_init__(self) -> None:
        if self.values.ndim != 2 or len(self.values) < 2:
            raise BadInput(f"features are (N, D) with N of 2 or more, not {self.values.shape}")
        if not np.isfinite(self.values).all():
            raise BadInput(f"the {self.name} features hold values that are no numbers")


@dataclass(frozen=True, slots=True)
class Distance:
    """``value`` of a ``metric`` in the ``features``, between ``n`` pictures of the two sets.

    ``deviation`` is KID's over its subsets.
    """

    metric: str
    value: float
    features: str
    n: tuple[int, int]
    deviation: float | None = None

    def __str__(self) -> str:
        spread = f" ± {self.deviation:.4f}" if self.deviation is not None else ""
        counts = f"n = {self.n[0]}, {self.n[1]}"
        return f"{self.metric} {self.value:.4f}{spread} ({self.features}; {counts})"


def fid(real: Features, made: Features) -> Distance:
    """Fréchet distance of Gaussians fitted to the two (Heusel et al., 2017).

    Biased upwards for few pictures: compare equal n only, and n well above the dimension.
    """
    _same(real, made)
    value = frechet(*_moments(real.values), *_moments(made.values))
    return Distance("FID", value, real.name, (len(real.values), len(made.values)))


def frechet(mean1: F64, cov1: F64, mean2: F64, cov2: F64) -> float:
    """|m1 - m2|^2 + Tr(C1 + C2 - 2 (C1 C2)^(1/2)), the trace by symmetric eigenvalues.

    (C1 C2)^(1/2) has the trace of (A C2 A)^(1/2) with A = C1^(1/2), which is symmetric and so has
    real eigenvalues even where C1 or C2 is singular.
    """
    values, vectors = np.linalg.eigh(cov1)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    inner = np.linalg.eigvalsh(root @ cov2 @ root)
    crossed = np.sqrt(np.maximum(inner, 0)).sum()
    apart = np.square(mean1 - mean2).sum()
    return float(apart + np.trace(cov1) + np.trace(cov2) - 2 * crossed)


def kid(
    real: Features, made: Features, *, subsets: int = 100, size: int = 1000, seed: int = 0
) -> Distance:
    """Kernel distance, unbiased even for few pictures (Binkowski et al., 2018).

    The mean over ``subsets`` of ``size`` pictures (fewer where a set has fewer), cubic kernel
    (x·y / D + 1)^3.
    """
    _same(real, made)
    size = min(size, len(real.values), len(made.values))
    if size < 2:
        raise BadInput("KID needs two or more pictures on each side")
    rng = np.random.default_rng(seed)
    values = []
    for _ in range(subsets):
        x = real.values[rng.permutation(len(real.values))[:size]].astype(np.float64)
        y = made.values[rng.permutation(len(made.values))[:size]].astype(np.float64)
        values.append(polynomial_mmd(x, y))
    n = (len(real.values), len(made.values))
    return Distance("KID", float(np.mean(values)), real.name, n, float(np.std(values)))


def polynomial_mmd(x: F64, y: F64) -> float:
    """The unbiased squared maximum mean discrepancy of rows (n, D), cubic kernel."""
    n, dimension = x.shape

    def kernel(a: F64, b: F64) -> F64:
        return np.asarray((a @ b.T / dimension + 1) ** 3)

    xx, yy, xy = kernel(x, x), kernel(y, y), kernel(x, y)
    within = (xx.sum() - np.trace(xx) + yy.sum() - np.trace(yy)) / (n * (n - 1))
    return float(within - 2 * xy.mean())


def _moments(values: NDArray[np.floating]) -> tuple[F64, F64]:
    rows = values.astype(np.float64)
    return rows.mean(axis=0), np.atleast_2d(np.cov(rows, rowvar=False))


def _same(real: Features, made: Features) -> None:
    if real.name != made.name or real.values.shape[1] != made.values.shape[1]:
        raise BadInput(
            f"{real.name} features {real.values.shape} and {made.name} features "
            f"{made.values.shape} do not compare: use one network for both sets"
        )
