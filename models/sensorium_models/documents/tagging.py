"""What each word of a page is, by a LayoutLMv3: any number of words, in windows that overlap."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sensorium_models.documents.checkpoint import Checkpoint
from sensorium_models.documents.labels import begins, name_of


@dataclass(frozen=True, slots=True)
class Tag:
    """What one word is: a name of :mod:`labels` or of the checkpoint's own, and how surely."""

    name: str
    begins: bool
    score: float


class Tagger:
    """Labels words; ``device`` is torch's."""

    def __init__(self, checkpoint: Checkpoint, device: str = "cpu") -> None:
        config = checkpoint.network.config
        self._network = checkpoint.network.to(device)
        self._checkpoint, self._device = checkpoint, device
        self._tags = [config.id2label[at] for at in range(config.num_labels)]
        self._pad = config.pad_token_id if config.pad_token_id is not None else 1
        self._room = config.max_position_embeddings - self._pad - 1 - 2
        self._ends = (config.bos_token_id, config.eos_token_id)
        self._tokens = lru_cache(maxsize=50_000)(self._encode)

    def tag(
        self, texts: Sequence[str], places: NDArray[np.int64],
        picture: NDArray[np.uint8] | None = None,
    ) -> list[Tag]:  # fmt: skip
        """One tag a word, in the order given, which is the order the network takes them in.

        ``places`` is (N, 4) in thousandths of the page; ``picture`` (H, W, 3) is looked at by a
        checkpoint that has eyes.
        """
        tokens = [self._tokens(text) for text in texts]
        best: list[tuple[int, Tag]] = [(-1, Tag("O", False, 0.0))] * len(texts)
        for start, stop in windows([len(part) for part in tokens], self._room):
            found = self._window(tokens[start:stop], places[start:stop], picture)
            for at, tag in enumerate(found, start):
                margin = min(at - start if start else len(texts),
                             stop - at if stop < len(texts) else len(texts))  # fmt: skip
                if margin > best[at][0]:
                    best[at] = (margin, tag)
        return [tag for _, tag in best]

    def _window(
        self, tokens: Sequence[tuple[int, ...]], places: NDArray[np.int64], picture: Any
    ) -> list[Tag]:
        import torch

        ids = [self._ends[0], *(token for part in tokens for token in part), self._ends[1]]
        sizes = [len(part) for part in tokens]
        boxes = np.concatenate([np.zeros((1, 4)), np.repeat(places, sizes, 0), np.zeros((1, 4))])
        firsts = 1 + np.cumsum([0, *sizes[:-1]])
        given: dict[str, Any] = {
            "input_ids": torch.tensor([ids], device=self._device),
            "bbox": torch.tensor(boxes[None], dtype=torch.int64, device=self._device),
            "attention_mask": torch.ones(1, len(ids), dtype=torch.int64, device=self._device),
        }
        if self._network.config.visual_embed:
            given["pixel_values"] = self._pixels(picture)
        with torch.inference_mode():
            chances = self._network(**given).logits[0].float().softmax(-1).cpu().numpy()
        names = [name_of(tag) for tag in self._tags]
        found = []
        for first in firsts:
            best = int(chances[first].argmax())
            same = [at for at, name in enumerate(names) if name == names[best]]
            score = float(chances[first, same].sum())
            found.append(Tag(names[best], begins(self._tags[best]), min(score, 1.0)))
        return found

    def _pixels(self, picture: NDArray[np.uint8] | None) -> Any:
        import torch

        from sensorium_models.vision.images import resize

        side = self._network.config.input_size
        shown = np.full((side, side, 3), 255, np.uint8) if picture is None else picture
        scaled = resize(shown, side, side).astype(np.float32) / 255
        mean, deviation = self._checkpoint.mean, self._checkpoint.deviation
        ready = (scaled - np.array(mean)) / np.array(deviation)
        values = torch.from_numpy(ready.transpose(2, 0, 1)[None].astype(np.float32))
        return values.to(self._device)

    def _encode(self, text: str) -> tuple[int, ...]:
        encoded = self._checkpoint.tokenizer.backend_tokenizer.encode(
            [text], is_pretokenized=True, add_special_tokens=False
        )
        unknown = self._checkpoint.tokenizer.unk_token_id
        return tuple(encoded.ids[: self._room // 2]) or (unknown,)


def windows(sizes: Sequence[int], room: int) -> list[tuple[int, int]]:
    """Spans (start, stop) of words of so many tokens that fit ``room``, each half over the next."""
    found: list[tuple[int, int]] = []
    ends = np.cumsum([0, *sizes])
    start = 0
    while start < len(sizes):
        stop = int(np.searchsorted(ends, ends[start] + room, side="right")) - 1
        stop = max(stop, start + 1)
        found.append((start, stop))
        if stop >= len(sizes):
            break
        start = start + max(1, (stop - start) // 2)
    return found
