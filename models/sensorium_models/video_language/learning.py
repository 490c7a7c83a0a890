"""Teaching the video-language model: films seen once by the eye, asked about anew each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from torch import Tensor
from torch.nn import functional

from sensorium_models.training import Draw, Plan
from sensorium_models.video_language.eye import GRID, SIDE, WIDTH, Eye
from sensorium_models.video_language.films import (
    FRAMES,
    OWN,
    as_question,
    ask_some,
    film_of,
    moves_of,
    pictures_of,
    tellings,
)
from sensorium_models.video_language.network import COURSES, NEVER, SLOTS, VideoLanguage
from sensorium_models.video_language.words import END, NUMBER, REPLIES, WHEN, encode
from sensorium_sims.world.questions import Question
from sensorium_sims.world.sampling import Rng, Split
from sensorium_sims.world.scene import Scene

STEPS = 6000
FILMS = 8000
TEXTS, PHRASES = 8, 2
"""About each film of a batch, and how many of them are phrases to find."""
NEAR = 0.12
"""A token is of a thing whose centre is this near, in shares of the side."""
SHARP = 40.0
"""How much more alike the same thing is: what the cosine of two looks is multiplied by."""
NOBODY = -1
UNTOLD = -100
VALIDATION = 150


def plan(steps: int = STEPS, seed: int = 0, minutes: float | None = None) -> Plan:
    """How the bundled video-language model was trained."""
    return Plan(
        steps=steps, minutes=minutes, batch=32, learning_rate=1e-3, last_rate=0.02,
        anneal_by="steps" if minutes is None else "minutes", warm_up=min(200, steps // 10),
        weight_decay=0.03, betas=(0.9, 0.98), ema=0.998, precision="bfloat16", keep="last",
        evaluate_every=600, seed=seed,
    )  # fmt: skip


@dataclass(frozen=True)
class Reel:
    """N films as the eye sees them: ``tokens`` (N, FRAMES, SLOTS, WIDTH + 3) float16, ``there``
    (N, FRAMES, SLOTS), and ``thing``, which thing of its ``scene`` each token is of, or -1."""

    scenes: Sequence[Scene]
    tokens: Tensor
    there: Tensor
    thing: Tensor

    def packed(self, rows: Sequence[int]) -> dict[str, Tensor]:
        """The tokens that are there of the films ``rows``, in order of time, padded at the end:
        ``tokens`` (B, M, WIDTH + 7), ``there``, ``times`` and ``thing`` (B, M)."""
        return pack(self.tokens[list(rows)], self.there[list(rows)], self.thing[list(rows)])


def pack(tokens: Tensor, there: Tensor, thing: Tensor | None = None) -> dict[str, Tensor]:
    """See :meth:`Reel.packed`; of a film in which nothing is seen one token stays."""
    flat = there.flatten(1).clone()
    flat[:, 0] |= ~flat.any(1)
    most = int(flat.sum(1).max())
    order = torch.argsort((~flat).int(), dim=1, stable=True)[:, :most]  # (B, M)
    tokens = torch.cat([tokens.float(), flow(tokens.float(), there)], -1)
    chosen = tokens.flatten(1, 2).gather(1, order[:, :, None].expand(-1, -1, tokens.shape[-1]))
    packed = {"tokens": chosen, "there": flat.gather(1, order), "times": order // SLOTS}
    if thing is not None:
        packed["thing"] = thing.flatten(1).gather(1, order).long()
    return packed


def flow(tokens: Tensor, there: Tensor) -> Tensor:
    """(N, FRAMES, SLOTS, 4): how far each token's thing is in the picture before and in the one
    after, in cells of the eye; the thing there is the one that looks most alike. 0 at the ends."""
    looks = functional.normalize(tokens[..., :WIDTH], dim=-1)
    places = tokens[..., WIDTH : WIDTH + 2]
    ways = []
    for step in (1, -1):  # rolled by 1: the picture before
        alike = looks @ looks.roll(step, 1).transpose(-1, -2) * SHARP
        alike = alike.masked_fill(~there.roll(step, 1)[:, :, None], NEVER).softmax(-1)
        far = (alike @ places.roll(step, 1) - places) * GRID
        far[:, 0 if step == 1 else -1] = 0
        ways.append(far * there.roll(step, 1).any(-1)[:, :, None, None])
    return torch.cat(ways, -1).clamp(-4, 4)


def reel(eye: Eye, split: Split, count: int, *, seed: int = 0, own: float = 0.0,
         tell: Callable[[str], None] = lambda line: None) -> Reel:  # fmt: skip
    """Render the first ``count`` films of a split and let the eye see them."""
    scenes = [film_of(split, index, seed, own) for index in range(count)]
    network = VideoLanguage(eye).eval()
    tokens = torch.empty(count, FRAMES, SLOTS, WIDTH + 3, dtype=torch.float16)
    there = torch.empty(count, FRAMES, SLOTS, dtype=torch.bool)
    for first in range(0, count, 16):
        some = scenes[first : first + 16]
        films = torch.from_numpy(np.stack([pictures_of(scene, SIDE) for scene in some]))
        with torch.autocast("cpu", torch.bfloat16):
            seen, are = network.look(films)
        tokens[first : first + 16], there[first : first + 16] = seen, are
        if first % 1600 == 0:
            tell(f"films seen: {first:,} of {count:,}")
    return Reel(scenes, tokens, there, _things(scenes, tokens, there))


def kept_reel(path: Path, eye: Eye, count: int, seed: int, tell: Callable[[str], None]) -> Reel:
    """The training films: from a file of an earlier run, or made and put there."""
    if path.exists():
        kept = load_file(path)
        if len(kept["tokens"]) == count and int(kept["seed"][0]) == seed:
            scenes = [film_of("train", index, seed, OWN) for index in range(count)]
            return Reel(scenes, *(torch.from_numpy(kept[k]) for k in ("tokens", "there", "thing")))
    made = reel(eye, "train", count, seed=seed, own=OWN, tell=tell)
    arrays = {"tokens": made.tokens.numpy(), "there": made.there.numpy(),
              "thing": made.thing.numpy(), "seed": np.array([seed])}  # fmt: skip
    partial = path.with_suffix(".partial")
    save_file(arrays, partial)
    partial.replace(path)
    return made


def _things(scenes: Sequence[Scene], tokens: Tensor, there: Tensor) -> Tensor:
    """(N, FRAMES, SLOTS) int8: the nearest thing of each token."""
    found = np.full(there.shape, NOBODY, np.int8)
    at = tokens[..., WIDTH : WIDTH + 2].float().numpy() + 0.5
    for row, scene in enumerate(scenes):
        times = np.arange(FRAMES) * scene.seconds / FRAMES
        places = np.array([[thing.at(t) for thing in scene.things] for t in times])
        far = np.linalg.norm(at[row][:, :, None] - places[:, None], axis=-1)  # (F, K, things)
        found[row] = np.where(far.min(-1) < NEAR, far.argmin(-1), NOBODY)
    return torch.from_numpy(np.where(there.numpy(), found, NOBODY).astype(np.int8))


class VideoTask:
    """Questions, sentences and phrases about films, drawn anew for every batch."""

    name = "video"
    score = "mean"

    def __init__(self, eye: Eye, train: Reel, validation: Reel) -> None:
        self.eye, self.train, self.validation = eye, train, validation

    def build(self, seed: int) -> VideoLanguage:
        """A new network around the eye."""
        return VideoLanguage(self.eye)

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """Films as packed tokens with the truth about each token, and texts with theirs."""
        rng = draw.rng()
        rows = rng.integers(len(self.train.scenes), size=draw.size)
        packed = self.train.packed(rows.tolist())
        scenes = [self.train.scenes[row] for row in rows]
        return packed | courses(scenes, packed["thing"], packed["times"]) | texts(scenes, rng)

    def losses(self, network: VideoLanguage, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Cross-entropy of answers, words and courses; of phrases L1 and whom they mean."""
        film = network.watch(batch["tokens"], batch["there"], batch["times"])
        logits = network.course(film.memory).float()
        now, whole = logits.split(len(COURSES), -1)
        known = batch["thing"] != NOBODY
        course = functional.cross_entropy(now[known], batch["now"][known])
        course = course + functional.cross_entropy(whole[known], batch["whole"][known])
        moves = known & (batch["whole"] != COURSES.index("nowhere"))
        spans = functional.smooth_l1_loss(film.spans[moves], batch["spans"][moves], beta=0.02)
        mine = film.times(TEXTS)
        asked = network.ask(mine, batch["ids"])
        answers = functional.cross_entropy(network.answer(asked).float(), batch["reply"])
        phrases = batch["mover"] != NOBODY
        found, meant = network.find(mine.take(phrases.nonzero()[:, 0]), asked[phrases])
        right = batch["thing"][mine.rows[phrases]] == batch["mover"][phrases, None]
        pointed = -((meant * right).sum(1).clamp_min(1e-6)).log().mean()
        where = functional.smooth_l1_loss(found, batch["when"][phrases], beta=0.02)
        told = batch["told"][:, 0] != 0
        words = network.tell(mine.take(told.nonzero()[:, 0]), asked[told], batch["told"][told, :-1])
        next_words = batch["told"][told, 1:]
        telling = functional.cross_entropy(
            words.float().flatten(0, 1), next_words.flatten().masked_fill(
                next_words.flatten() == 0, UNTOLD), ignore_index=UNTOLD
        )  # fmt: skip
        return {"course": course, "spans": 5 * spans, "answers": answers, "pointing": pointed,
                "when": 5 * where, "telling": telling}  # fmt: skip

    def validate(self, network: VideoLanguage) -> dict[str, float]:
        """Answers right, phrases found (R@1 at IoU 0.7) and sentences told word for word."""
        from sensorium_models.video_language.evaluate import Watched, answers, phrases, told

        watched = Watched(network, self.validation)
        found = {
            "answers": answers(watched, 4).right.value,
            "grounding": phrases(watched).at[0.7].value,
            "told": told(watched).exact.value,
        }
        return found | {"mean": float(np.mean(list(found.values())))}


def courses(scenes: Sequence[Scene], thing: Tensor, times: Tensor) -> dict[str, Tensor]:
    """For each token (B, M): which way its thing moves ``now`` and in the ``whole`` film, and
    when (``spans``, (B, M, 2))."""
    still = COURSES.index("nowhere")
    now, whole = np.full(thing.shape, still), np.full(thing.shape, still)
    spans = np.zeros((*thing.shape, 2), np.float32)
    things, at = thing.numpy(), times.numpy()
    for row, scene in enumerate(scenes):
        for index, one in enumerate(scene.things):
            for move in one.moves:
                mine = things[row] == index
                seconds = at[row] * scene.seconds / FRAMES
                whole[row, mine] = COURSES.index(move.direction)
                under_way = mine & (seconds >= move.start) & (seconds < move.stop)
                now[row, under_way] = COURSES.index(move.direction)
                spans[row, mine] = np.array((move.start, move.stop)) / scene.seconds
    return {"now": torch.from_numpy(now), "whole": torch.from_numpy(whole),
            "spans": torch.from_numpy(spans)}  # fmt: skip


def texts(scenes: Sequence[Scene], rng: Rng) -> dict[str, Tensor]:
    """``TEXTS`` texts a film: ``ids`` (N, L) and ``reply`` (N,); of a phrase its ``mover`` and
    ``when`` (N, 2), of a telling the words ``told`` (N, L'), else 0."""
    made = [one for scene in scenes for one in _texts_of(scene, rng)]
    return {
        "ids": padded([encode(question.text) for question, *_ in made]),
        "reply": torch.tensor([REPLIES.index(question.answer) for question, *_ in made]),
        "mover": torch.tensor([mover for _, mover, _, _ in made]),
        "when": torch.tensor([span for _, _, span, _ in made]),
        "told": padded([words for *_, words in made]),
    }


Text = tuple[Question, int, tuple[float, float], list[int]]


def _texts_of(scene: Scene, rng: Rng) -> list[Text]:
    """Two phrases where things move, two tellings, and questions up to ``TEXTS``."""
    moves = moves_of(scene)
    made: list[Text] = []
    for _ in range(PHRASES if moves else 0):
        move = moves[rng.integers(len(moves))]
        plain = Question(move.phrase, WHEN, "phrase")
        asked = plain if rng.random() < 0.4 else as_question(rng, move.phrase)
        made.append((asked, _mover(scene, move.start), (move.start, move.stop), [0]))
    told = tellings(scene, rng)
    for one in [told[0], told[rng.integers(len(told))]]:
        words = [*encode(one.sentences[0]), NUMBER[END]]
        made.append((one.question, NOBODY, (0.0, 0.0), words))
    asked_some = ask_some(scene, rng, TEXTS - len(made))
    return [*made, *((question, NOBODY, (0.0, 0.0), [0]) for question in asked_some)]


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """(N, the longest) with 0 after the end."""
    most = max(map(len, rows))
    return torch.tensor([[*row, *[0] * (most - len(row))] for row in rows])


def _mover(scene: Scene, start: float) -> int:
    return next(
        index
        for index, thing in enumerate(scene.things)
        for move in thing.moves
        if abs(move.start / scene.seconds - start) < 1e-9
    )


__all__ = ["Reel", "VideoTask", "kept_reel", "pack", "padded", "plan", "reel", "texts"]
