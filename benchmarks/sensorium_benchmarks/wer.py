"""Word error rate of speech recognition, with the options the default agent uses.

Both sides are normalised (case, punctuation, numbers) before they are compared; the interval is a
bootstrap over utterances. See :mod:`sensorium_models.metrics.wer`.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

from sensorium_benchmarks.contract import (
    Benchmark,
    Better,
    Contender,
    Metric,
    Role,
    Target,
    Workload,
)
from sensorium_benchmarks.stopwatch import percentile

PROMPTS = Path(__file__).parents[2] / "assets" / "prompts"
MODEL = "whisper-tiny.en"

BENCHMARK = Benchmark(
    name="wer",
    title="Word error rate of speech to text",
    contenders=(Contender("sensorium", Role.OURS, "sensorium_benchmarks.wer"),),
    workloads=(
        Workload(
            "prompts",
            "human prompts",
            "recognise",
            metrics=(
                Metric("wer", "% of words", Better.LOWER, digits=2),
                Metric("wer_low", "%, lower end of the 95 % interval", Better.NEITHER, digits=2),
                Metric("wer_high", "%, upper end of the 95 % interval", Better.NEITHER, digits=2),
                Metric("utterances", "", Better.NEITHER),
                Metric("words", "", Better.NEITHER),
                Metric("time", "s an utterance, median", Better.LOWER, digits=3),
                Metric("time_p95", "s an utterance, 95 %", Better.LOWER, digits=3),
            ),
            targets=(Target("wer", 5.0),),
            parameters={"prompts": str(PROMPTS), "model": MODEL},
        ),
    ),
    repetitions=1,  # the words come out the same every time
)


def recognise(prompts: str, model: str) -> dict[str, float]:
    """Recognise every recording of the folder ``prompts`` with ``model``, one at a time."""
    from sensorium_models.speech.evaluate import evaluate, recordings
    from sensorium_models.speech.whisper import SpeechToText, SpeechToTextOptions

    spoken = recordings(Path(prompts))
    recogniser = SpeechToText(SpeechToTextOptions(model=model))
    recogniser.load("cpu")
    evaluate(recogniser, spoken[:1])  # the first call allocates
    result = evaluate(recogniser, spoken)
    score = result.score
    return {
        "wer": 100 * score.wer,
        "wer_low": 100 * score.ci95[0],
        "wer_high": 100 * score.ci95[1],
        "utterances": float(score.n_utterances),
        "words": float(score.n_words),
        "time": median(result.seconds),
        "time_p95": percentile(list(result.seconds), 0.95),
    }
