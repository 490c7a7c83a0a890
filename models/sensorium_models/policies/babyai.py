"""A policy for BabyAI: matches the words of an instruction with the cells in view.

Each cell of the 7x7 view is the sum of three embeddings (object, colour, state). A recurrent
network reads the instruction and makes 16 query vectors; the dot product of a query with a cell,
through a sigmoid, says how well they match: 16 maps of where what is meant lies. Six more maps do
not depend on words (walls, doors). A small network and a GRU over time choose one of seven
actions. Attention over a grid in the manner of Vaswani et al. (2017), with sigmoids for softmax:
several things may match, or none. Sizes are those of one BabyAI level (Chevalier-Boisvert et al.
2019, arXiv:1810.08272); 554 k parameters, no convolution.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

WORDS = (
    "a", "after", "and", "ball", "behind", "blue", "box", "door", "front", "go", "green", "grey",
    "in", "key", "left", "next", "of", "on", "open", "pick", "purple", "put", "red", "right",
    "the", "then", "to", "up", "yellow", "you", "your", ",",
)  # fmt: skip
"""Every word of BabyAI's instructions. 0 is padding, 1 a word that is not among them."""
_NUMBERS = {word: number + 2 for number, word in enumerate(WORDS)}
KINDS, COLOURS, STATES = 11, 6, 4
"""MiniGrid's objects, colours and states; what is larger counts as the last."""
CELL = 32
QUERIES, MAPS = 16, 6
READER = 128
MEMORY = 128
CELLS = 49
ACTIONS = 7


def tokens_of(missions: Iterable[str]) -> Tensor:
    """Instructions as (N, L) numbers, padded with 0; one without words is one unknown word."""
    rows = [
        [_NUMBERS.get(word, 1) for word in re.findall(r"[a-z]+|,", mission.lower())] or [1]
        for mission in missions
    ]
    longest = max(len(row) for row in rows)
    return torch.tensor([row + [0] * (longest - len(row)) for row in rows])


class Episodes(NamedTuple):
    """Whole episodes for :meth:`BabyAINetwork.replay`: the frames of all, one after the other."""

    cells: Tensor
    """(F, 49): which of ``kinds`` each cell in view is."""
    kinds: Tensor
    """(K, 3): the object, colour and state of each kind of cell that occurs; or (N, K, 3), where
    they are others in each episode."""
    episode: Tensor
    """(F,) the row in ``tokens`` that a frame belongs to."""
    step: Tensor
    """(F,) its place in the episode."""
    tokens: Tensor
    """(N, L) instructions."""


class BabyAINetwork(nn.Module):
    """See the module. ``memory`` is how many numbers it keeps of an episode."""

    def __init__(self, memory: int = MEMORY) -> None:
        super().__init__()
        self.kind = nn.Embedding(KINDS, CELL)
        self.colour = nn.Embedding(COLOURS, CELL)
        self.state = nn.Embedding(STATES, CELL)
        self.word = nn.Embedding(len(WORDS) + 2, 64, padding_idx=0)
        self.reader = nn.GRU(64, READER, batch_first=True)
        self.queries = nn.Linear(READER, QUERIES * CELL)
        self.maps = nn.Linear(CELL, MAPS)
        self.see = nn.Sequential(
            nn.Linear((QUERIES + MAPS) * CELLS, 256), nn.ReLU(), nn.Linear(256, memory), nn.ReLU()
        )
        self.memory = nn.GRU(memory, memory, batch_first=True)
        self.choose = nn.Linear(2 * memory, ACTIONS)

    @property
    def remembers(self) -> int:
        """How many numbers it keeps of an episode."""
        return self.memory.hidden_size

    def read(self, tokens: Tensor) -> Tensor:
        """Instructions (N, L) -> query vectors (N, 16, 32)."""
        lengths = (tokens != 0).sum(1)  # (N,)
        states, _ = self.reader(self.word(tokens))  # (N, L, 128)
        last = states[torch.arange(len(tokens)), lengths - 1]  # (N, 128)
        queries: Tensor = self.queries(last)
        return queries.view(-1, QUERIES, CELL)

    def forward(
        self, views: Tensor, queries: Tensor, memory: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Views (N, T, 7, 7, 3) of integers, queries of :meth:`read`, memory (1, N, M) or None.

        Returns logits (N, T, 7) and the memory after the last view.
        """
        many, steps = views.shape[:2]
        cells = self._cells(views.reshape(many, steps * CELLS, 3))  # (N, T*49, 32)
        seen = self._matches(cells, queries)  # (N, T*49, 22)
        looked = self.see(seen.view(many, steps, CELLS * (QUERIES + MAPS)))  # (N, T, M)
        remembered, memory = self.memory(looked, memory)  # (N, T, M)
        assert memory is not None
        logits: Tensor = self.choose(torch.cat([looked, remembered], -1))
        return logits, memory

    def replay(self, episodes: Episodes) -> Tensor:
        """Logits (F, 7) of every frame: what :meth:`forward` gives, at a fraction of its work.

        How well words match a kind of cell is worked out once an episode, not once a cell.
        """
        many, kinds = len(episodes.tokens), episodes.kinds.shape[-2]
        cells = self._cells(episodes.kinds).expand(many, -1, -1)  # (N, K, 32)
        table = self._matches(cells, self.read(episodes.tokens))  # (N, K, 22)
        rows = episodes.cells + kinds * episodes.episode[:, None]  # (F, 49)
        seen = functional.embedding(rows, table.view(many * kinds, QUERIES + MAPS))
        looked = self.see(seen.view(-1, CELLS * (QUERIES + MAPS)))  # (F, M)
        padded = looked.new_zeros(many, int(episodes.step.max()) + 1, self.remembers)
        places = episodes.episode, episodes.step
        remembered, _ = self.memory(padded.index_put(places, looked))  # (N, T, M)
        logits: Tensor = self.choose(torch.cat([looked, remembered[places]], -1))
        return logits

    def _cells(self, cells: Tensor) -> Tensor:
        """Objects, colours and states (..., 3) -> vectors (..., 32)."""
        found: Tensor = (
            self.kind(cells[..., 0].clamp(max=KINDS - 1))
            + self.colour(cells[..., 1].clamp(max=COLOURS - 1))
            + self.state(cells[..., 2].clamp(max=STATES - 1))
        )
        return found

    def _matches(self, cells: Tensor, queries: Tensor) -> Tensor:
        """Cells (N, C, 32), queries (N, 16, 32) -> how well each matches (N, C, 22)."""
        matches = torch.bmm(cells, queries.transpose(1, 2))  # (N, C, 16)
        return torch.cat([matches, self.maps(cells)], -1).sigmoid()


def parameters_of(network: nn.Module) -> int:
    """How many numbers it learns."""
    return sum(parameter.numel() for parameter in network.parameters())
