"""Fusion networks: attention, bilinear, tensor and low-rank tensor; concatenation and late fusion
as what they are compared with. Each is a few lines on top of :class:`FusionNetwork`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn

from sensorium.errors import BadInput, UnknownName
from sensorium_models.fusion_networks.network import FusionNetwork

LARGEST_TENSOR = 100_000
"""Numbers that the outer product of one row may have."""


class _Headed(FusionNetwork):
    """A linear answer after a non-linearity."""

    def __init__(self, sizes: Mapping[str, int], outputs: int, **options: Any) -> None:
        super().__init__(sizes, outputs, **options)
        self.fused = 2 * self.width
        self.head = nn.Linear(self.fused, outputs)

    def answer(self, fused: Tensor) -> Tensor:
        """See :meth:`FusionNetwork.answer`."""
        logits: Tensor = self.head(torch.relu(fused))
        return logits


class Concatenation(_Headed):
    """All codes side by side, and which are there, through one layer: early fusion."""

    kind = "concatenation"

    def __init__(self, sizes: Mapping[str, int], outputs: int, **options: Any) -> None:
        super().__init__(sizes, outputs, **options)
        self.layer = nn.Linear(len(self.names) * (self.width + 1), self.fused)

    def mix(self, codes: Tensor, present: Tensor) -> Tensor:
        """See :meth:`FusionNetwork.mix`."""
        fused: Tensor = self.layer(torch.cat([codes.flatten(1), present.float()], 1))
        return fused


class Late(FusionNetwork):
    """Each modality answers by itself; the logits of those that are there are averaged.

    By construction it knows no interaction between modalities. ``fuse`` gives the logits.
    """

    kind = "late"

    def __init__(self, sizes: Mapping[str, int], outputs: int, **options: Any) -> None:
        super().__init__(sizes, outputs, **options)
        self.fused = outputs
        self.heads = nn.ModuleList(
            nn.Sequential(nn.ReLU(), nn.Linear(self.width, 2 * self.width), nn.ReLU(),
                          nn.Linear(2 * self.width, outputs))
            for _ in self.names
        )  # fmt: skip

    def mix(self, codes: Tensor, present: Tensor) -> Tensor:
        """See :meth:`FusionNetwork.mix`."""
        logits = torch.stack([head(codes[:, m]) for m, head in enumerate(self.heads)], 1)
        share = present.float() / present.sum(1, keepdim=True)
        return (logits * share[..., None]).sum(1)

    def answer(self, fused: Tensor) -> Tensor:
        """They are the answer already."""
        return fused


class Attention(_Headed):
    """Modalities as tokens of a transformer encoder, read off a token of its own.

    Two layers, four heads (Vaswani et al., 2017; across modalities as Tsai et al., MulT, 2019).
    What is missing is masked.
    """

    kind = "attention"

    def __init__(self, sizes: Mapping[str, int], outputs: int, **options: Any) -> None:
        super().__init__(sizes, outputs, **options)
        if self.width % 4:
            raise BadInput(f"attention has four heads: width is a multiple of 4, not {self.width}")
        self.places = nn.Parameter(torch.randn(len(self.names) + 1, self.width) * 0.5)
        layer = nn.TransformerEncoderLayer(
            self.width, 4, 2 * self.width, dropout=0.0, batch_first=True, norm_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.out = nn.Linear(self.width, self.fused)

    def mix(self, codes: Tensor, present: Tensor) -> Tensor:
        """See :meth:`FusionNetwork.mix`."""
        reader = codes.new_zeros(len(codes), 1, self.width)
        tokens = torch.cat([reader, codes], 1) + self.places  # (B, 1 + M, width)
        absent = torch.cat([present.new_zeros(len(codes), 1), ~present], 1)
        fused: Tensor = self.out(self.encoder(tokens, src_key_padding_mask=absent)[:, 0])
        return fused


class Bilinear(_Headed):
    """Products of every two modalities in a common space (Kim et al., low-rank bilinear pooling,
    ICLR 2017), added to what each gives alone. It knows interactions of two, not of three.
    """

    kind = "bilinear"

    def __init__(self, sizes: Mapping[str, int], outputs: int, **options: Any) -> None:
        super().__init__(sizes, outputs, **options)
        self.pairs = list(combinations(range(len(self.names)), 2))
        count, rank = len(self.pairs), 2 * self.width
        self.alone = nn.Linear(len(self.names) * self.width, self.fused)
        self.left = nn.ModuleList(nn.Linear(self.width, rank) for _ in range(count))
        self.right = nn.ModuleList(nn.Linear(self.width, rank) for _ in range(count))
        self.out = nn.ModuleList(nn.Linear(rank, self.fused, bias=False) for _ in range(count))

    def mix(self, codes: Tensor, present: Tensor) -> Tensor:
        """See :meth:`FusionNetwork.mix`."""
        fused: Tensor = self.alone(codes.flatten(1))
        for at, (one, other) in enumerate(self.pairs):
            left = torch.tanh(self.left[at](codes[:, one]))
            both = left * torch.tanh(self.right[at](codes[:, other]))
            there = (present[:, one] & present[:, other])[:, None]
            fused = fused + torch.where(there, self.out[at](both), 0.0)
        return fused


class TensorFusion(_Headed):
    """The outer product of all codes, each with a 1 in front (Zadeh et al., EMNLP 2017).

    It holds every product of one, two, … all modalities. Of what is missing only the 1 is left, so
    the products of the others stay as they are. Codes are projected to ``thin`` numbers first.
    """

    kind = "tensor"

    def __init__(
        self, sizes: Mapping[str, int], outputs: int, *, thin: int = 12, **options: Any
    ) -> None:
        super().__init__(sizes, outputs, **options)
        volume = (thin + 1) ** len(self.names)
        if volume > LARGEST_TENSOR:
            raise BadInput(
                f"a tensor of {len(self.names)} modalities with {thin} + 1 numbers each has"
                f" {volume:,} numbers, above {LARGEST_TENSOR:,}: take low_rank, or a smaller thin"
            )
        self.thin = nn.ModuleList(nn.Linear(self.width, thin, bias=False) for _ in self.names)
        self.layer = nn.Linear(volume, self.fused)

    def mix(self, codes: Tensor, present: Tensor) -> Tensor:
        """See :meth:`FusionNetwork.mix`."""
        product = codes.new_ones(len(codes), 1)
        for at, thin in enumerate(self.thin):
            one = codes.new_ones(len(codes), 1)
            vector = torch.cat([one, thin(codes[:, at])], 1)  # (B, 1 + thin)
            product = (product[:, :, None] * vector[:, None, :]).flatten(1)
        fused: Tensor = self.layer(product)
        return fused


class LowRankTensor(_Headed):
    """Tensor fusion with its weight as a sum of ``rank`` products (Liu et al., ACL 2018).

    Its cost grows with the number of modalities, not to its power.
    """

    kind = "low_rank"

    def __init__(
        self, sizes: Mapping[str, int], outputs: int, *, rank: int = 8, **options: Any
    ) -> None:
        super().__init__(sizes, outputs, **options)
        # Factors near 1 on the constant: a product of M small numbers would have no gradient.
        spread = 1 / math.sqrt(self.width)
        factors = torch.randn(len(self.names), rank, self.width + 1, self.fused) * spread
        factors[:, :, 0] += 1.0
        self.factors = nn.Parameter(factors)
        self.rank_weights = nn.Parameter(torch.randn(rank) / math.sqrt(rank))
        self.bias = nn.Parameter(torch.zeros(self.fused))

    def mix(self, codes: Tensor, present: Tensor) -> Tensor:
        """See :meth:`FusionNetwork.mix`."""
        ones = codes.new_ones(*codes.shape[:2], 1)
        vectors = torch.cat([ones, codes], 2)  # (B, M, 1 + width)
        parts = torch.einsum("bmi,mrio->mbro", vectors, self.factors)
        return torch.einsum("bro,r->bo", parts.prod(0), self.rank_weights) + self.bias


KINDS: dict[str, type[FusionNetwork]] = {
    network.kind: network
    for network in (Late, Concatenation, Attention, Bilinear, TensorFusion, LowRankTensor)
}


def make(kind: str, sizes: Mapping[str, int], outputs: int, **options: Any) -> FusionNetwork:
    """A fusion network by its name. Raises UnknownName with the names there are."""
    if kind not in KINDS:
        raise UnknownName("fusion network", kind, KINDS, "They are in fusion_networks/kinds.py.")
    return KINDS[kind](sizes, outputs, **options)
