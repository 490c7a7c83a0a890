"""A LayoutLMv3 made fit to be taught from nothing: its biases learn, and its attention is lean.

transformers computes the biases of relative places (Huang et al., 2022, section 2.1) without
gradients, which is right for tuning a pretrained network and leaves those of a new one at random.
What is computed is the same to rounding, and the weights are those of the class as it stands.
"""

from __future__ import annotations

import math
from types import MethodType
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def teachable(network: Any) -> Any:
    """Let all of a ``LayoutLMv3ForTokenClassification`` learn. Changes it in place."""
    encoder = network.layoutlmv3.encoder
    encoder._cal_1d_pos_emb = MethodType(_order_bias, encoder)
    encoder._cal_2d_pos_emb = MethodType(_place_bias, encoder)
    for bias in (encoder.rel_pos_bias, encoder.rel_pos_x_bias, encoder.rel_pos_y_bias):
        torch.nn.init.zeros_(bias.weight)
    for layer in encoder.layer:
        layer.attention.self.forward = MethodType(_attend, layer.attention.self)
    return network


def _bias(encoder: Any, places: Tensor, weight: Tensor, bins: int, most: int) -> Tensor:
    """(B, heads, S, S) of the distances between places (B, S)."""
    apart = places.unsqueeze(-2) - places.unsqueeze(-1)
    buckets = encoder.relative_position_bucket(apart, num_buckets=bins, max_distance=most)
    return functional.embedding(buckets, weight.t()).permute(0, 3, 1, 2)


def _order_bias(self: Any, position_ids: Tensor) -> Tensor:
    return _bias(self, position_ids, self.rel_pos_bias.weight, self.rel_pos_bins, self.max_rel_pos)


def _place_bias(self: Any, bbox: Tensor) -> Tensor:
    bins, most = self.rel_2d_pos_bins, self.max_rel_2d_pos
    across = _bias(self, bbox[:, :, 0], self.rel_pos_x_bias.weight, bins, most)
    return across + _bias(self, bbox[:, :, 3], self.rel_pos_y_bias.weight, bins, most)


def _attend(
    self: Any, hidden_states: Tensor, attention_mask: Tensor | None = None,
    rel_pos: Tensor | None = None, rel_2d_pos: Tensor | None = None, **_: Any,
) -> tuple[Tensor, None]:  # fmt: skip
    """Attention with the biases; without dropout of its probabilities."""
    batch, length, _width = hidden_states.shape
    heads, size = self.num_attention_heads, self.attention_head_size

    def split(states: Tensor) -> Tensor:
        return states.view(batch, length, heads, size).transpose(1, 2)

    query = split(self.query(hidden_states)) / math.sqrt(size)
    scores = query @ split(self.key(hidden_states)).transpose(-1, -2)
    if rel_pos is not None and rel_2d_pos is not None:
        scores = scores + (rel_pos + rel_2d_pos) / math.sqrt(size)
    if attention_mask is not None:
        scores = scores + attention_mask
    shares = torch.softmax(scores, -1).to(scores.dtype)
    mixed = shares @ split(self.value(hidden_states))
    return mixed.transpose(1, 2).reshape(batch, length, heads * size), None
