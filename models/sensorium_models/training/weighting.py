"""How several losses become one: by fixed weights, or by weights that adapt.

A weighting is a module: its parameters are learnt with the network's, its buffers are kept in
checkpoints. ``total`` makes one loss of several; ``stepped`` is called after each step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from sensorium.errors import BadInput

Losses = Mapping[str, Tensor]


class Weighting(nn.Module):
    """Base: the sum of the losses, each times its weight (1 where none is given)."""

    needs_shared = False
    """Whether ``total`` needs the parameters of a layer that the losses share."""

    def __init__(self, names: Sequence[str], weights: Mapping[str, float] | None = None) -> None:
        super().__init__()
        if not names:
            raise BadInput("a weighting needs the names of the losses")
        unknown = set(weights or {}) - set(names)
        if unknown:
            raise BadInput(f"weights for losses that are not there: {', '.join(sorted(unknown))}")
        self.names = tuple(names)
        given = [float((weights or {}).get(name, 1.0)) for name in names]
        self.register_buffer("weights", torch.tensor(given))
        self.weights: Tensor

    def total(self, losses: Losses, shared: Sequence[nn.Parameter] = ()) -> Tensor:
        """One loss, to call ``backward`` on. Raises BadInput where names differ."""
        return (self.weights * self._stacked(losses)).sum()

    def stepped(self) -> None:
        """The optimiser has taken a step."""

    def now(self) -> dict[str, float]:
        """The weight of each loss now."""
        return dict(zip(self.names, self.weights.tolist(), strict=True))

    def _stacked(self, losses: Losses) -> Tensor:
        if set(losses) != set(self.names):
            raise BadInput(f"losses are {sorted(losses)}, weights are for {sorted(self.names)}")
        return torch.stack([losses[name].float() for name in self.names])


class Ratio(Weighting):
    """The simple rule: each loss counts as the given share of the total, whatever its size.

    A loss is divided by its running mean, so that one that is ten times as large, or falls ten
    times as fast, neither drowns the others nor is drowned. ``weights`` are the shares.
    """

    def __init__(
        self,
        names: Sequence[str],
        weights: Mapping[str, float] | None = None,
        memory: float = 0.98,
    ) -> None:
        super().__init__(names, weights)
        if not 0 <= memory < 1:
            raise BadInput(f"memory is in [0, 1), not {memory!r}")
        self.memory = memory
        self.register_buffer("shares", self.weights / self.weights.sum())
        self.register_buffer("means", torch.zeros(len(self.names)))
        self.register_buffer("seen", torch.zeros(()))
        self.shares: Tensor
        self.means: Tensor
        self.seen: Tensor

    def total(self, losses: Losses, shared: Sequence[nn.Parameter] = ()) -> Tensor:
        """See :meth:`Weighting.total`."""
        values = self._stacked(losses)
        with torch.no_grad():
            self.means.lerp_(values.detach().abs(), 1 - self.memory)
            self.seen.mul_(self.memory).add_(1 - self.memory)  # so that the first counts fully
            means = (self.means / self.seen).clamp_min(1e-8)
            self.weights = self.shares * means.sum() / means
        return (self.weights * values).sum()


class Uncertainty(Weighting):
    """Weights by learnt homoscedastic uncertainty (Kendall, Gal & Cipolla, CVPR 2018).

    ``sum_i exp(-s_i) L_i + s_i / 2``, with ``s_i`` the logarithm of the variance, from 0.
    """

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names)
        self.log_variances = nn.Parameter(torch.zeros(len(self.names)))

    def total(self, losses: Losses, shared: Sequence[nn.Parameter] = ()) -> Tensor:
        """See :meth:`Weighting.total`."""
        weights = torch.exp(-self.log_variances)
        self.weights = weights.detach()
        return (weights * self._stacked(losses) + self.log_variances / 2).sum()


class GradNorm(Weighting):
    """Weights that make all losses train at one pace (Chen et al., GradNorm, ICML 2018).

    The norm of each weighted loss's gradient at the shared layer is moved towards the mean of all
    norms times the loss's relative rate of training to the power ``alpha``. Weights sum to the
    number of losses.
    """

    needs_shared = True

    def __init__(self, names: Sequence[str], alpha: float = 1.5, rate: float = 0.025) -> None:
        super().__init__(names)
        self.alpha, self.rate = alpha, rate
        self.register_buffer("first", torch.zeros(len(self.names)))
        self.register_buffer("slope", torch.zeros(len(self.names)))
        self.first: Tensor
        self.slope: Tensor

    def total(self, losses: Losses, shared: Sequence[nn.Parameter] = ()) -> Tensor:
        """See :meth:`Weighting.total`. Raises BadInput without ``shared``."""
        if not shared:
            raise BadInput("GradNorm needs the layer that the losses share: Task.shared(network)")
        values = self._stacked(losses)
        norms = torch.stack([_norm(value, shared) for value in values])
        with torch.no_grad():
            if not self.first.any():
                self.first = values.detach().clamp_min(1e-8)
            pace = values.detach() / self.first
            pace = pace / pace.mean().clamp_min(1e-8)
            weighted = self.weights * norms
            wanted = weighted.mean() * pace**self.alpha
            # d/dw of sum |w G - wanted|, wanted being held constant as the paper says.
            self.slope += torch.sign(weighted - wanted) * norms
        return (self.weights * values).sum()

    def stepped(self) -> None:
        """Move the weights against the gradient of the difference, and to their sum."""
        # Norms have the scale of the losses; the weights' step should not have it.
        slope = self.slope / self.slope.abs().max().clamp_min(1e-12)
        weights = (self.weights - self.rate * slope).clamp_min(1e-3)
        self.weights = weights * len(self.names) / weights.sum()
        self.slope = torch.zeros_like(self.slope)


def _norm(loss: Tensor, shared: Sequence[nn.Parameter]) -> Tensor:
    found: Any = torch.autograd.grad(loss, shared, retain_graph=True, allow_unused=True)
    parts = [part.float().norm() for part in found if part is not None]
    return torch.stack(parts).norm().detach() if parts else loss.new_zeros(())
