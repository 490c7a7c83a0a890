"""A plugin of small deterministic models: what they make of pictures and sounds of one value.

A red picture shows a cat, a green one three people, a blue one is a sign that says EXIT; loud
sound is a question, soft sound a remark. The language model answers what is asked about the
surroundings from the facts (it leaves that to the guard), tells of the sea otherwise, and obeys
"slowly" (talks until it is stopped) and "break".
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from sensorium import hookimpl
from sensorium.errors import BadInput
from sensorium.workers import Model

SEA = "The sea is wide, and it is deep. Ships cross it."
QUESTION, REMARK = "What is in this picture?", "Go forward ten meters."


class _Fake(Model[Any, Any]):
    def load(self, device: str) -> None:
        pass

    def infer(self, batch: Sequence[Any]) -> Sequence[Any]:
        return [self.answer(request) for request in batch]

    def answer(self, request: Any) -> Any:
        raise NotImplementedError


class VoiceActivity(_Fake):
    def answer(self, request: Any) -> Any:
        probability = float(np.abs(request["audio"]).max() > 0.05)
        return {"probability": probability, "state": None, "context": None}


class SpeechToText(_Fake):
    def answer(self, request: Any) -> Any:
        loudness = float(np.abs(request["audio"]).max())
        text = QUESTION if loudness > 0.4 else REMARK if loudness > 0.15 else ""
        return {"text": text, "confidence": 0.9}


def colour(request: Any) -> str:
    means = request["image"].reshape(-1, 3).mean(axis=0)
    return "black" if means.max() < 50 else ("red", "green", "blue")[int(means.argmax())]


class ObjectDetection(_Fake):
    def answer(self, request: Any) -> Any:
        labels = {"red": ["cat"], "green": ["person"] * 3}.get(colour(request), [])
        boxes = np.array([[i, 1, i + 2, 3] for i in range(len(labels))], np.float32)
        return {"labels": labels, "scores": [0.9] * len(labels), "boxes": boxes.reshape(-1, 4)}


class FaceDetection(_Fake):
    def answer(self, request: Any) -> Any:
        return {"labels": [], "scores": [], "boxes": np.zeros((0, 4), np.float32)}


class ImageClasses(_Fake):
    def answer(self, request: Any) -> Any:
        return {"labels": [], "scores": []}


class Reader(_Fake):
    def answer(self, request: Any) -> Any:
        if colour(request) == "black":
            raise RuntimeError("the reader broke")
        lines = ["EXIT", "Push bar"] if colour(request) == "blue" else []
        corners = np.zeros((len(lines), 4, 2), np.float32)
        return {"lines": lines, "scores": [0.9] * len(lines), "boxes": corners}


class LanguageModel(_Fake):
    def stream(self, request: Any) -> Iterator[Any]:
        asked = request["messages"][-1]["content"]
        if "break" in asked:
            raise RuntimeError("out of memory")
        if "slowly" in asked:
            yield from self._slowly()
        if "Question:" not in asked:
            yield from ({"text": word} for word in re.findall(r"\S+\s?", SEA))

    def _slowly(self) -> Iterator[Any]:
        print("talking", file=sys.stderr, flush=True)
        try:
            while True:
                time.sleep(0.001)
                yield {"text": "on and on, "}
        finally:
            print("stopped talking", file=sys.stderr, flush=True)


class Voice(_Fake):
    def answer(self, request: Any) -> Any:
        if not any(letter.isalnum() for letter in request["text"]):
            raise BadInput("nothing to say")
        return {
            "audio": np.full(240 * len(request["text"]), 0.25, np.float32),
            "sample_rate": 24_000,
        }


MODELS = {
    "voice_activity": VoiceActivity,
    "speech_to_text": SpeechToText,
    "object_detection": ObjectDetection,
    "face_detection": FaceDetection,
    "image_classes": ImageClasses,
    "ocr": Reader,
    "language_model": LanguageModel,
    "text_to_speech": Voice,
}


@hookimpl
def sensorium_register_models(registry: Any) -> None:
    for name, model in MODELS.items():
        registry.add(f"fake_{name}", model)
