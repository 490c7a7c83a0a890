"""BLEU by sacrebleu, and the CLIP score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, MissingDependency
from sensorium_models.metrics.rates import Mean, mean

CLIP_WEIGHT = 2.5


@dataclass(frozen=True, slots=True)
class Bleu:
    """``score`` from 0 to 100; ``signature`` says how it was computed, as papers must."""

    score: float
    precisions: tuple[float, ...]
    brevity_penalty: float
    signature: str


def bleu(hypotheses: Sequence[str], references: Sequence[Sequence[str]]) -> Bleu:
    """Corpus BLEU-4 (Papineni et al., 2002; Post, 2018), one or more references a hypothesis."""
    try:
        from sacrebleu.metrics.bleu import BLEU
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "BLEU", "sacrebleu", 'Run: pip install "sensorium[evaluation]"'
        ) from error
    if not hypotheses or len(hypotheses) != len(references):
        raise BadInput(
            f"BLEU got {len(hypotheses)} hypotheses and {len(references)} reference sets"
        )
    if not all(references):
        raise BadInput("BLEU needs at least one reference for each hypothesis")
    most = max(len(several) for several in references)
    streams = [
        [several[i] if i < len(several) else None for several in references] for i in range(most)
    ]
    metric = BLEU()
    # None stands for a reference that a hypothesis does not have; sacrebleu's types omit it.
    result = metric.corpus_score(list(hypotheses), cast("list[list[str]]", streams))
    signature = str(metric.get_signature())
    return Bleu(result.score, tuple(result.precisions), result.bp, signature)


def clip_score(
    images: NDArray[np.floating], texts: NDArray[np.floating], weight: float = CLIP_WEIGHT
) -> Mean:
    """``weight`` x max(cos, 0) of paired embeddings (N, D), averaged.

    Hessel et al., "CLIPScore", 2021, where the weight is 2.5; torchmetrics' is 100. Only scores of
    one CLIP compare: say whose embeddings they were.
    """
    left, right = np.asarray(images, np.float64), np.asarray(texts, np.float64)
    if left.shape != right.shape or left.ndim != 2:
        raise BadInput(f"{left.shape} image and {right.shape} text embeddings are not pairs")
    norms = np.linalg.norm(left, axis=1) * np.linalg.norm(right, axis=1)
    cosines = (left * right).sum(axis=1) / np.maximum(norms, 1e-12)
    return mean(weight * np.maximum(cosines, 0.0))
