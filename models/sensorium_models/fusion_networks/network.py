"""The one interface of fusion networks: any subset of the modalities in, one answer out."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium.errors import BadInput

Inputs = Mapping[str, Tensor | None]


class FusionNetwork(nn.Module):
    """Encodes each modality and fuses what is there.

    ``sizes`` are the modalities' names and widths, ``outputs`` the number of classes. Each input
    is standardised (:meth:`standardise`), then encoded to ``width`` by a layer of its own. In
    training each modality of each row is left out with the chance ``drop`` (modality dropout;
    Neverova et al., ModDrop, 2016), never all of a row. A subclass says in :meth:`mix` how the
    codes become one vector of :attr:`fused` numbers; the code of what is missing is 0.
    """

    kind: ClassVar[str] = ""
    fused: int
    """Width of what :meth:`fuse` gives."""

    def __init__(
        self, sizes: Mapping[str, int], outputs: int, *, width: int = 24, drop: float = 0.0
    ) -> None:
        super().__init__()
        if not sizes or outputs < 2 or width < 1 or not 0 <= drop < 1:
            raise BadInput(
                "a fusion network needs a modality, two outputs, a width, drop in [0, 1)"
            )
        self.sizes, self.outputs, self.width, self.drop = dict(sizes), outputs, width, drop
        self.names = tuple(sizes)
        self.encoders = nn.ModuleDict(
            {name: nn.Sequential(nn.Linear(size, 2 * width), nn.ReLU(), nn.Linear(2 * width, width))
             for name, size in sizes.items()}
        )  # fmt: skip
        for name, size in sizes.items():
            self.register_buffer(f"mean_{name}", torch.zeros(size))
            self.register_buffer(f"spread_{name}", torch.ones(size))

    @abstractmethod
    def mix(self, codes: Tensor, present: Tensor) -> Tensor:
        """(B, M, width) codes and (B, M) bool of what is there -> (B, fused)."""

    @abstractmethod
    def answer(self, fused: Tensor) -> Tensor:
        """(B, fused) -> (B, outputs) logits."""

    def forward(self, inputs: Inputs, present: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, outputs) logits.

        ``inputs`` maps names to (B, size) tensors; one that is None or left out is missing.
        ``present`` maps names to (B,) bool where it is missing in some rows only. Raises BadInput
        for an unknown name, another size, or a row that holds nothing at all.
        """
        return self.answer(self.fuse(inputs, present))

    def fuse(self, inputs: Inputs, present: Mapping[str, Tensor] | None = None) -> Tensor:
        """(B, fused): what the answer is given by."""
        there = self._present(inputs, present or {})
        if self.training and self.drop:
            there = dropped(there, self.drop)
        codes = []
        for column, name in enumerate(self.names):
            values = inputs.get(name)
            if values is None:
                codes.append(there.new_zeros((len(there), self.width), dtype=torch.float32))
                continue
            mean, spread = self.get_buffer(f"mean_{name}"), self.get_buffer(f"spread_{name}")
            here = there[:, column, None]
            # What is missing may hold anything, not-a-number too: it must not reach the sum.
            code = self.encoders[name](torch.where(here, (values - mean) / spread, 0.0))
            codes.append(torch.where(here, code, 0.0))
        return self.mix(torch.stack(codes, 1), there)

    def standardise(self, inputs: Mapping[str, Tensor]) -> None:
        """Remember mean and spread of (N, size) training data by modality."""
        for name in self.names:
            self.get_buffer(f"mean_{name}").copy_(inputs[name].mean(0))
            spread = inputs[name].std(0)
            self.get_buffer(f"spread_{name}").copy_(torch.where(spread > 1e-6, spread, 1.0))

    def _present(self, inputs: Inputs, present: Mapping[str, Tensor]) -> Tensor:
        unknown = (set(inputs) | set(present)) - set(self.names)
        if unknown:
            raise BadInput(
                f"no modality {', '.join(sorted(unknown))}: this network takes"
                f" {', '.join(self.names)}"
            )
        given = {name: values for name, values in inputs.items() if values is not None}
        if not given:
            raise BadInput(f"no modality is there; this network takes {', '.join(self.names)}")
        count = len(next(iter(given.values())))
        for name, values in given.items():
            if tuple(values.shape) != (count, self.sizes[name]):
                wanted = (count, self.sizes[name])
                raise BadInput(f"{name} is {tuple(values.shape)}; this network takes {wanted}")
        device = next(iter(given.values())).device
        columns = []
        for name in self.names:
            whole = torch.full((count,), name in given, device=device)
            columns.append(whole & present[name] if name in present else whole)
        there = torch.stack(columns, 1)
        if not bool(there.any(1).all()):
            raise BadInput("a row holds no modality at all")
        return there


def dropped(there: Tensor, chance: float) -> Tensor:
    """(B, M) bool with each True made False by ``chance``, one of each row kept at least."""
    kept = there & (torch.rand(there.shape, device=there.device) >= chance)
    ranks = torch.rand(there.shape, device=there.device).masked_fill(~there, -1.0)
    spared = functional.one_hot(ranks.argmax(1), there.shape[1]).bool()
    return torch.where(kept.any(1, keepdim=True), kept, spared)
