"""Zero-shot labels: which of the labels that the options name a picture shows, and its vector."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from pydantic import Field, field_validator, model_validator

from sensorium import ComponentOptions, Emit, Event, Image, Input, Output, Perceiver, Text
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import BadInput
from sensorium.payloads import Classes, Embedding

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from sensorium.events import AnyEvent


class ClipOptions(ComponentOptions):
    """Options of :class:`Clip`."""

    model: str = "clip"
    labels: tuple[str, ...] = Field(min_length=2)
    """What a picture may show: ``a red star``. Their scores add up to 1."""
    templates: tuple[str, ...] = Field(("{}", "a picture of {}"), min_length=1)
    """Sentences to put a label into; the vectors of a label's sentences are averaged."""
    min_score: float = Field(0.2, ge=0, le=1)
    top_k: int = Field(5, ge=1)
    remember: int = Field(0, ge=0, le=100_000)
    """Of so many latest pictures the vectors are kept, to be searched by text."""

    @field_validator("templates")
    @classmethod
    def _have_a_place(cls, templates: tuple[str, ...]) -> tuple[str, ...]:
        for template in templates:
            if template.count("{}") != 1:
                raise ValueError(f"{template!r} needs one {{}}, where the label goes")
        return templates

    @model_validator(mode="after")
    def _differ(self) -> ClipOptions:
        if len(set(self.labels)) < len(self.labels) or not all(x.strip() for x in self.labels):
            raise ValueError("labels are different from one another, and not empty")
        return self


class Clip(Perceiver):
    """Names what each picture shows, out of the labels it was given, and gives its vector.

    With ``remember``, a text on ``vision/clip/find`` brings up the picture seen lately that fits it
    best: an event on ``vision/clip/found`` with that picture's originating time and, as parents,
    the picture and the text.
    """

    Options: ClassVar[type[ComponentOptions]] = ClipOptions
    takes = {
        "image": Input("camera/+/image", Image),
        "find": Input("vision/clip/find", Text, DeliveryPolicy.block()),
    }
    gives = {
        "labels": Output("vision/clip/labels", Classes),
        "embedding": Output("vision/clip/embedding", Embedding),
        "found": Output("vision/clip/found", Classes),
    }

    async def setup(self) -> None:
        """Load the model and read the labels. A label it cannot read is an error now."""
        self._model = self.model(self.options.model)
        await self._model.load()
        self._seen: deque[tuple[Event[Image], NDArray[np.float32]]] = deque(
            maxlen=self.options.remember
        )
        labels, templates = self.options.labels, self.options.templates
        prompts = [template.format(label) for label in labels for template in templates]
        read = await asyncio.gather(*(self._model.infer({"text": prompt}) for prompt in prompts))
        vectors = np.stack([one["embedding"] for one in read])
        means = vectors.reshape(len(labels), len(templates), -1).mean(1)
        self._labels: NDArray[np.float32] = means / np.linalg.norm(means, axis=1, keepdims=True)

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Look at one picture, or find one."""
        if isinstance(event.payload, Text):
            await self._find(event, emit)
            return
        seen = await self._model.infer({"image": event.payload.data})
        vector = seen["embedding"]
        if self.options.remember:
            self._seen.append((event, vector))
        await emit(self._classes(vector, seen["scale"]), to="labels")
        await emit(Embedding(vector, self.options.model), to="embedding")

    def _classes(self, vector: NDArray[np.float32], scale: float) -> Classes:
        chances = _softmax(scale * (self._labels @ vector))
        order = np.argsort(-chances, kind="stable")[: self.options.top_k]
        kept = [int(at) for at in order if chances[at] >= self.options.min_score]
        return Classes(
            tuple(self.options.labels[at] for at in kept),
            tuple(float(chances[at]) for at in kept),
        )

    async def _find(self, event: Event[Text], emit: Emit) -> None:
        """The best of the pictures kept; an answer with nothing in it where there is none."""
        try:
            asked: dict[str, Any] = await self._model.infer({"text": event.payload.text})
        except BadInput as error:  # what somebody typed must not end what looks at pictures
            self.log.warning("cannot look for that: %s", error)
            asked = {}
        if not self._seen or not asked:
            await emit(Classes((), ()), to="found")
            return
        cosines = np.stack([vector for _, vector in self._seen]) @ asked["embedding"]
        best = int(cosines.argmax())
        picture = self._seen[best][0]
        await emit(
            Classes((event.payload.text,), (max(0.0, float(cosines[best])),)),
            to="found",
            originating_time=picture.originating_time,
            parents=(picture, event),
        )


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    powers = np.exp(logits.astype(np.float64) - logits.max())
    return np.asarray(powers / powers.sum())
