"""Word error rate of a recogniser, with its uncertainty.

(substitutions + deletions + insertions) / reference words, over all utterances together. The
interval is the percentile bootstrap over utterances (Bisani & Ney, "Bootstrap estimates for
confidence intervals in ASR performance evaluation", 2004): utterances are the independent draws,
words within one are not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from sensorium.errors import BadInput, MissingDependency
from sensorium_models.metrics.english import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class WordErrorRate:
    """``wer`` as a fraction (0.02 is 2 %), over how much, and its 95 % interval ``ci95``."""

    wer: float
    n_utterances: int
    n_words: int
    ci95: tuple[float, float]

    def __str__(self) -> str:
        low, high = self.ci95
        return (
            f"WER {self.wer:.1%} (95 % {low:.1%} to {high:.1%}; "
            f"{self.n_words} words in {self.n_utterances} utterances)"
        )


def word_error_rate(
    references: Sequence[str], hypotheses: Sequence[str], *, draws: int = 2000, seed: int = 0
) -> WordErrorRate:
    """Compare what was said with what was recognised, utterance by utterance.

    Both sides pass through :func:`~sensorium_models.metrics.english.normalise`. Raises
    :class:`~sensorium.errors.BadInput` when the lists differ in length or hold no word.
    """
    if len(references) != len(hypotheses):
        raise BadInput(
            f"word error rate got {len(references)} references and {len(hypotheses)} hypotheses"
        )
    errors, words = word_errors(references, hypotheses)
    if words.sum() == 0:
        raise BadInput("word error rate needs at least one reference word")
    return WordErrorRate(
        wer=float(errors.sum() / words.sum()),
        n_utterances=len(references),
        n_words=int(words.sum()),
        ci95=_interval(errors, words, draws, seed),
    )


def word_errors(
    references: Sequence[str], hypotheses: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Errors (N,) and reference words (N,) of each of N utterances."""
    try:
        import jiwer
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "word error rate", "jiwer", 'Run: pip install "sensorium[audio]"'
        ) from error
    errors, words = [], []
    for reference, hypothesis in zip(references, hypotheses, strict=True):
        said = normalise(reference)
        counted = jiwer.process_words(said, normalise(hypothesis))
        errors.append(counted.substitutions + counted.deletions + counted.insertions)
        words.append(len(said.split()))
    return np.array(errors, np.int64), np.array(words, np.int64)


def _interval(
    errors: NDArray[np.int64], words: NDArray[np.int64], draws: int, seed: int
) -> tuple[float, float]:
    generator = np.random.default_rng(seed)
    drawn = generator.integers(len(errors), size=(draws, len(errors)))  # (draws, N)
    total = words[drawn].sum(1)
    rates = errors[drawn].sum(1)[total > 0] / total[total > 0]
    low, high = np.percentile(rates, [2.5, 97.5])
    return float(low), float(high)
