"""The connector: what an eye sees and what is asked, as tokens that a language model reads.

Between a frozen eye and a frozen language model, as LLaVA's projector (Liu et al., "Visual
Instruction Tuning", 2023). It knows the question, as the Q-Former of InstructBLIP (Dai et al.,
2023): a few learnt queries a picture, the regions of all pictures and the question's words attend
to one another, and what the queries come to is what the language model gets.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.video_language.eye import SIZES, WIDTH, Eye

TOKENS = 8
"""Tokens of each picture."""
SLOTS = 6
"""Things that the eye tells of a picture."""
PICTURES = 4
"""The most in one turn."""
DIM = 128
HEADS = 4
LAYERS = 6
LONGEST = 48
"""Words (tokens) of a question that are looked at, its last ones."""
OCTAVES = 6
NEVER = -1e4
SEEN = WIDTH + 3 + sum(SIZES.values())
"""Numbers that the eye tells of a thing: feature, x, y, score, and the chance of each value of
each attribute."""


class Layer(nn.Module):
    """Pre-norm attention and a small network (Vaswani et al., 2017); DIM numbers a token."""

    def __init__(self) -> None:
        super().__init__()
        self.all = nn.Linear(DIM, 3 * DIM)
        self.out = nn.Linear(DIM, DIM)
        self.inner = nn.Sequential(nn.Linear(DIM, 4 * DIM), nn.GELU(), nn.Linear(4 * DIM, DIM))
        self.norms = nn.ModuleList([nn.LayerNorm(DIM), nn.LayerNorm(DIM)])

    def forward(self, x: Tensor, barred: Tensor) -> Tensor:
        """(N, L, DIM), and (N, 1, 1, L), NEVER where nobody may look, -> (N, L, DIM)."""
        count, length, _ = x.shape
        heads = self.all(self.norms[0](x)).view(count, length, 3, HEADS, DIM // HEADS)
        query, key, value = heads.permute(2, 0, 3, 1, 4)  # (N, HEADS, L, DIM / HEADS) each
        scores = query @ key.transpose(-1, -2) / math.sqrt(DIM // HEADS) + barred
        given = (scores.softmax(-1) @ value).transpose(1, 2).reshape(count, length, DIM)
        x = x + self.out(given)
        more: Tensor = x + self.inner(self.norms[1](x))
        return more


class Connector(nn.Module):
    """``width`` is that of the language model's embeddings, ``size`` their usual length, which
    every token gets."""

    def __init__(self, width: int, size: float = 1.0) -> None:
        super().__init__()
        self.width, self.size = width, size
        self.region_norm = nn.LayerNorm(WIDTH)
        self.see = nn.Linear(SEEN + 4 * OCTAVES, DIM)
        self.read_norm = nn.LayerNorm(width)
        self.read = nn.Linear(width, DIM)
        self.order = nn.Embedding(LONGEST, DIM)
        self.picture = nn.Embedding(PICTURES, DIM)
        self.queries = nn.Parameter(torch.randn(TOKENS, DIM) * 0.5)
        self.layers = nn.ModuleList([Layer() for _ in range(LAYERS)])
        self.settled = nn.LayerNorm(DIM)
        self.project = nn.Linear(DIM, width)

    def forward(self, regions: Tensor, there: Tensor, words: Tensor, said: Tensor) -> Tensor:
        """Pictures and questions to tokens in the space of the language model's embeddings.

        ``regions`` (N, P, SLOTS, SEEN) of :func:`look`, of which ``there`` (N, P, SLOTS) are;
        ``words`` (N, L, width), the embeddings of the question, ``said`` (N, L), 0 where it has
        ended. Returns (N, P, TOKENS, width).
        """
        count, pictures = there.shape[:2]
        which = self.picture.weight[:pictures, None]  # (P, 1, DIM)
        things = self.see(_placed(self.region_norm, regions)) + which
        asked = self.read(self.read_norm(words)) + self.order.weight[: words.shape[1]]
        queries = (self.queries + which).expand(count, -1, -1, -1)  # (N, P, TOKENS, DIM)
        x = torch.cat([queries.flatten(1, 2), things.flatten(1, 2), asked], 1)
        seen = torch.cat(
            [there.new_ones(count, pictures * TOKENS), there.flatten(1), said.bool()], 1
        )
        barred = torch.where(seen, 0.0, NEVER)[:, None, None].to(x.dtype)
        for layer in self.layers:
            x = layer(x, barred)
        tokens = self.project(self.settled(x[:, : pictures * TOKENS])).float()
        tokens = self.size * functional.normalize(tokens, dim=-1)
        return tokens.view(count, pictures, TOKENS, self.width)


@torch.no_grad()
def look(eye: Eye, images: Tensor) -> tuple[Tensor, Tensor]:
    """uint8 pictures (N, 64, 64, 3) -> regions (N, SLOTS, SEEN), and which are there (N, SLOTS)."""
    found = eye.regions(images, SLOTS)
    chances = [logits.softmax(-1) for logits in eye.read(found.tokens[..., :WIDTH]).values()]
    return torch.cat([found.tokens, *chances], -1), found.there


def _placed(norm: nn.Module, regions: Tensor) -> Tensor:
    """Features evened out, the place, the score, and waves of the place."""
    features, place, told = torch.split(regions, [WIDTH, 2, SEEN - WIDTH - 2], -1)
    octaves = math.pi * 2.0 ** torch.arange(OCTAVES, device=regions.device)
    angles = (place[..., None] * octaves).flatten(-2)
    return torch.cat([norm(features), 2 * place, told, angles.sin(), angles.cos()], -1)
