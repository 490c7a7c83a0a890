"""Teaching the bundled network to say what each word of a page is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sensorium_models.documents.labels import LABELS, PLACES
from sensorium_models.documents.network import LONGEST, document_tokenizer, small_layoutlm
from sensorium_models.documents.pages import (
    HEIGHT,
    VALIDATION,
    WIDTH,
    Written,
    laid_out,
    pool,
    take,
)
from sensorium_models.documents.reader import thousandths
from sensorium_models.documents.spoiling import in_line_order, spoilt
from sensorium_models.documents.teachable import teachable
from sensorium_models.metrics.reading import entities, entity_f1
from sensorium_models.training import Draw, Plan

STEPS = 4000
MINUTES = 7.0
"""Of CPU time; the learning rate falls along them, so that a slow machine ends well, too."""
PAGES = 900
"""Drawn once; every batch spoils them anew."""
NO_LABEL = -100
BLIND = 0.1
"""Share of pages shown without places, so that the control without layout is fair."""
TURNS = ("invoice", "form", "invoice", "form", "table",
         "invoice", "form", "invoice", "form", "columns")  # fmt: skip
"""The kind of page of each batch in turn."""
NUMBERS = {name: at for at, name in enumerate(LABELS)}


def plan(steps: int = STEPS, seed: int = 0, minutes: float | None = MINUTES) -> Plan:
    """How the bundled network was trained; ``minutes`` of CPU time are the most that is spent."""
    return Plan(
        steps=steps, minutes=minutes, anneal_by="steps" if minutes is None else "minutes", batch=12,
        learning_rate=2e-3, last_rate=0.02, warm_up=min(60, steps // 10), weight_decay=0.02,
        betas=(0.9, 0.98), ema=0.99, keep="last", evaluate_every=400, seed=seed,
    )  # fmt: skip


@lru_cache(maxsize=50_000)
def tokens_of(word: str) -> tuple[int, ...]:
    """The bundled tokenizer's tokens of one word."""
    encoded = document_tokenizer().backend_tokenizer.encode(
        [word], is_pretokenized=True, add_special_tokens=False
    )
    return tuple(encoded.ids)


def collate(pages: Sequence[Written], blind: Sequence[bool]) -> dict[str, Tensor]:
    """Pages as one batch: ids, bbox, mask, labels (at the first token of each word)."""
    rows = []
    for page, hidden in zip(pages, blind, strict=True):
        places = thousandths(page.boxes, WIDTH, HEIGHT) * (0 if hidden else 1)
        ids, boxes, labels = [0], [np.zeros(4, np.int64)], [NO_LABEL]
        for text, box, tag in zip(page.texts, places, page.tags, strict=True):
            tokens = tokens_of(text)
            if len(ids) + len(tokens) >= LONGEST:
                break
            ids += tokens
            boxes += [box] * len(tokens)
            labels += [NUMBERS[tag]] + [NO_LABEL] * (len(tokens) - 1) if tokens else []
        rows.append((ids + [2], [*boxes, np.zeros(4, np.int64)], [*labels, NO_LABEL]))
    longest = max(len(ids) for ids, _, _ in rows)
    batch = {
        "input_ids": torch.ones(len(rows), longest, dtype=torch.int64),
        "bbox": torch.zeros(len(rows), longest, 4, dtype=torch.int64),
        "attention_mask": torch.zeros(len(rows), longest, dtype=torch.int64),
        "labels": torch.full((len(rows), longest), NO_LABEL),
    }
    for row, (ids, boxes, labels) in enumerate(rows):
        count = len(ids)
        batch["input_ids"][row, :count] = torch.tensor(ids)
        batch["bbox"][row, :count] = torch.from_numpy(np.stack(boxes))
        batch["attention_mask"][row, :count] = 1
        batch["labels"][row, :count] = torch.tensor(labels)
    return batch


class DocumentTask:
    """What the trainer is given: words with places, and what each is."""

    name = "documents"
    score = "f1"

    def __init__(self, pages: int = PAGES, **sizes: int) -> None:
        self.pages, self.sizes = pages, sizes

    def build(self, seed: int) -> Any:
        """A new network of the ``sizes`` of :func:`small_layoutlm`."""
        return teachable(small_layoutlm(len(document_tokenizer()), **self.sizes))

    def batch(self, draw: Draw) -> dict[str, Tensor]:
        """Pages of one kind, for padding costs: about half as drawn, half laid out anew."""
        rng, found = draw.rng(), pool(self.pages)
        kind = TURNS[draw.index % len(TURNS)]
        drawn = found.pages[kind]
        size = max(1, draw.size // 5) if kind == "columns" else draw.size
        anew = 0.6 if kind in found.fields else 0.0
        chosen = [
            laid_out(found, rng, kind) if rng.random() < anew else take(rng, drawn)
            for _ in range(size)
        ]
        ready = [spoilt(page, rng) for page in chosen]
        ready = [in_line_order(page) if rng.random() < 0.8 else page for page in ready]
        return collate(ready, [bool(rng.random() < BLIND) for _ in ready])

    def losses(self, network: Any, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """``tags``: cross-entropy of the words' tags."""
        logits = network(
            input_ids=batch["input_ids"], bbox=batch["bbox"], attention_mask=batch["attention_mask"]
        ).logits
        loss = functional.cross_entropy(
            logits.float().flatten(0, 1), batch["labels"].flatten(), ignore_index=NO_LABEL
        )
        return {"tags": loss}

    def validate(self, network: Any) -> dict[str, float]:
        """Entity F1 of fields, as drawn and in new layouts, and the share of words right."""
        found, rng = pool(max(40, self.pages // 15), VALIDATION), np.random.default_rng(VALIDATION)
        drawn = [p for kind in ("invoice", "form", "table") for p in found.pages[kind]]
        anew = [laid_out(found, rng, kind) for kind in found.fields for _ in range(len(drawn) // 2)]
        one, right = _measured(network, [in_line_order(spoilt(page, rng)) for page in drawn])
        two, also = _measured(network, [in_line_order(spoilt(page, rng)) for page in anew])
        return {"f1": (one + two) / 2, "as_drawn": one, "laid_out": two,
                "words": (right + also) / 2}  # fmt: skip


def _measured(network: Any, pages: Sequence[Written]) -> tuple[float, float]:
    said, true, hits, words = [], [], 0, 0
    for at in range(0, len(pages), 16):
        batch = collate(pages[at : at + 16], [False] * len(pages[at : at + 16]))
        logits = network(
            input_ids=batch["input_ids"], bbox=batch["bbox"], attention_mask=batch["attention_mask"]
        ).logits
        chosen = logits.argmax(-1)
        for mine, theirs in zip(chosen, batch["labels"], strict=True):
            first = theirs != NO_LABEL
            hits += int((mine[first] == theirs[first]).sum())
            words += int(first.sum())
            said.append(fields_of([LABELS[int(n)] for n in mine[first]]))
            true.append(fields_of([LABELS[int(n)] for n in theirs[first]]))
    return entity_f1(said, true).f1, hits / max(words, 1)


def fields_of(tags: Sequence[str]) -> set[tuple[str, int, int]]:
    """The entities of some tags that are keys or values: the rest says where a word stands."""
    return {entity for entity in entities(tags) if entity[0] not in PLACES}
