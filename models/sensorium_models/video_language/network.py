"""The network: an eye for each picture, a transformer over time, and three heads.

The film's tokens are the things that the eye finds in each of its pictures. A transformer relates
them over space and time; a reader takes a question in and looks at them (cross-attention), and its
first token says the answer, points at what the question names (grounding), or is where the teller
begins a sentence.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium_models.video_language.eye import WIDTH, Eye
from sensorium_models.video_language.films import FRAMES
from sensorium_models.video_language.words import END, LONGEST, NUMBER, REPLIES, START, WORDS

SLOTS = 4
"""Things that are kept of a picture."""
DIM = 128
HEADS = 4
FAST = 6
"""Octaves of the waves that say where a thing is."""
COURSES = ("left", "right", "up", "down", "nowhere")
NEVER = -1e4


@dataclass(frozen=True, slots=True)
class Film:
    """B films as tokens: ``memory`` (B, M, DIM), ``there`` (B, M) bool, and ``spans`` (B, M, 2),
    when each token's thing moves, by what the token itself says (shares of the film).

    ``rows`` (N,) says which film each of N texts is about: what all texts of a film share is
    computed once. ``each``: every film has so many texts, one after the other; 0 for any number.
    """

    memory: Tensor
    there: Tensor
    spans: Tensor
    rows: Tensor
    each: int = 0

    def take(self, rows: Tensor) -> Film:
        """For the texts ``rows`` only."""
        return replace(self, rows=self.rows[rows], each=0)

    def times(self, each: int) -> Film:
        """For ``each`` texts a film."""
        return replace(self, rows=self.rows.repeat_interleave(each), each=each)


class Attention(nn.Module):
    """Scaled dot products (Vaswani et al., 2017), written out: faster on a CPU in bfloat16."""

    def __init__(self) -> None:
        super().__init__()
        self.ask = nn.Linear(DIM, DIM)
        self.offer = nn.Linear(DIM, 2 * DIM)
        self.out = nn.Linear(DIM, DIM)

    def forward(self, x: Tensor, of: Tensor, allowed: Tensor, rows: Tensor | None = None) -> Tensor:
        """(N, L, DIM) looking at (N, M, DIM) where ``allowed``, (N or 1, L or 1, M); with ``rows``
        (N,), at those of (B, M, DIM)."""
        count, length, _ = x.shape
        size = DIM // HEADS
        asked = self.ask(x).view(count, length, HEADS, size).transpose(1, 2)
        key, value = self.offer(of).view(len(of), -1, 2, HEADS, size).permute(2, 0, 3, 1, 4)
        if rows is not None:
            key, value = key[rows], value[rows]
        scores = asked @ key.transpose(-1, -2) / math.sqrt(size)  # (N, heads, L, M)
        share = scores.masked_fill(~allowed[:, None], NEVER).softmax(-1)
        given: Tensor = self.out((share @ value).transpose(1, 2).reshape(count, length, DIM))
        return given


class Block(nn.Module):
    """Self-attention, cross-attention where there is something to look at, and a small network."""

    def __init__(self, *, looks: bool) -> None:
        super().__init__()
        self.itself = Attention()
        self.other = Attention() if looks else None
        self.inner = nn.Sequential(nn.Linear(DIM, 2 * DIM), nn.GELU(), nn.Linear(2 * DIM, DIM))
        self.norms = nn.ModuleList([nn.LayerNorm(DIM) for _ in range(3 if looks else 2)])

    def forward(self, x: Tensor, allowed: Tensor, film: Film | None = None) -> Tensor:
        """(N, L, DIM) -> the same."""
        y = self.norms[0](x)
        x = x + self.itself(y, y, allowed)
        if self.other is not None and film is not None:
            x = x + self._look(self.norms[2](x), film)
        more: Tensor = x + self.inner(self.norms[1](x))
        return more

    def _look(self, x: Tensor, film: Film) -> Tensor:
        assert self.other is not None
        if not film.each:
            allowed = film.there[film.rows][:, None]
            return self.other(x, film.memory, allowed, film.rows)  # type: ignore[no-any-return]
        # All the texts of a film ask at once: nothing of it need be copied for each.
        together = x.reshape(len(film.memory), -1, DIM)
        found: Tensor = self.other(together, film.memory, film.there[:, None])
        return found.view_as(x)


class VideoLanguage(nn.Module):
    """Answers, tells and finds. ``eye`` is not part of what it learns: it comes taught."""

    def __init__(self, eye: Eye) -> None:
        super().__init__()
        self.eye = eye.requires_grad_(False)
        self.see = nn.Linear(WIDTH + 5 + 4 * FAST, DIM)
        self.when = nn.Embedding(FRAMES, DIM)
        self.time = nn.ModuleList([Block(looks=False) for _ in range(3)])
        self.settled = nn.LayerNorm(DIM)
        self.course = nn.Linear(DIM, 2 * len(COURSES))
        """Which way a token's thing moves now, and in the whole film."""
        self.span = nn.Linear(DIM, 2)
        self.words = nn.Embedding(len(WORDS), DIM)
        self.order = nn.Embedding(LONGEST, DIM)
        self.reader = nn.ModuleList([Block(looks=True) for _ in range(3)])
        self.read = nn.LayerNorm(DIM)
        self.answer = nn.Linear(DIM, len(REPLIES))
        self.point = nn.Linear(DIM, DIM)
        self.teller = nn.ModuleList([Block(looks=True) for _ in range(2)])
        self.told = nn.LayerNorm(DIM)
        self.next = nn.Linear(DIM, len(WORDS))
        for table in (self.when, self.words, self.order):
            nn.init.normal_(table.weight, std=0.1)

    def train(self, mode: bool = True) -> VideoLanguage:
        """The eye stays as it is."""
        super().train(mode)
        self.eye.eval()
        return self

    def look(self, films: Tensor) -> tuple[Tensor, Tensor]:
        """uint8 (B, FRAMES, 64, 64, 3) -> (B, FRAMES, SLOTS, WIDTH + 3) tokens, and which are."""
        with torch.no_grad():
            regions = self.eye.regions(films.flatten(0, 1), SLOTS)
        shape = (len(films), FRAMES, SLOTS)
        return regions.tokens.view(*shape, -1), regions.there.view(shape)

    def watch(self, tokens: Tensor, there: Tensor, times: Tensor) -> Film:
        """(B, M, WIDTH + 7) tokens (with their flow) of the pictures ``times`` (B, M) -> films."""
        places = tokens[..., WIDTH : WIDTH + 2]
        waves = places[..., None] * (torch.pi * 2.0 ** torch.arange(FAST, device=places.device))
        known = torch.cat(
            [
                functional.layer_norm(tokens[..., :WIDTH], (WIDTH,)) / 4,
                tokens[..., WIDTH + 2 :],
                waves.sin().flatten(-2),
                waves.cos().flatten(-2),
            ],
            -1,
        )
        x = self.see(known) + self.when(times)
        for block in self.time:
            x = block(x, there[:, None])
        x = self.settled(x)
        return Film(x, there, self.span(x).float(), torch.arange(len(x), device=x.device))

    def ask(self, film: Film, ids: Tensor) -> Tensor:
        """(N, L) numbers of words, 0 where a text has ended -> (N, DIM), what each comes to."""
        x = self.words(ids) + self.order.weight[: ids.shape[1]]
        for block in self.reader:
            x = block(x, (ids != 0)[:, None], film)
        return self.read(x[:, 0])  # type: ignore[no-any-return]

    def find(self, film: Film, asked: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 2) start and stop in shares of the film, and (N, M) which tokens were meant."""
        scores = (self.point(asked)[:, None] * film.memory[film.rows]).sum(-1) / math.sqrt(DIM)
        meant = scores.float().masked_fill(~film.there[film.rows], NEVER).softmax(-1)
        return (meant[..., None] * film.spans[film.rows]).sum(1), meant

    def tell(self, film: Film, asked: Tensor, ids: Tensor) -> Tensor:
        """(N, L) words told so far, from START on -> (N, L, words) logits of the next ones."""
        length = ids.shape[1]
        x = self.words(ids) + self.order.weight[:length] + asked[:, None]
        before = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()[None]
        for block in self.teller:
            x = block(x, before, film)
        return self.next(self.told(x))  # type: ignore[no-any-return]

    @torch.no_grad()
    def sentences(self, film: Film, asked: Tensor) -> Tensor:
        """(N, up to LONGEST - 1) numbers of words, the likeliest at each place, with END."""
        ids = torch.full((len(asked), 1), NUMBER[START], device=asked.device)
        ended = torch.zeros(len(asked), dtype=torch.bool, device=asked.device)
        while ids.shape[1] < LONGEST and not bool(ended.all()):
            following = self.tell(film, asked, ids)[:, -1].float().argmax(-1)
            ids = torch.cat([ids, following[:, None]], 1)
            ended |= following == NUMBER[END]
        return ids[:, 1:]
