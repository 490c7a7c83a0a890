"""Image classes: what a whole picture shows, out of ImageNet's thousand classes."""

from __future__ import annotations

from sensorium import ComponentOptions, Emit, Event, Image, Input, Output, Perceiver
from sensorium.payloads import Classes


class ImageClassesOptions(ComponentOptions):
    """Options of :class:`ImageClasses`."""

    model: str = "image_classes"
    min_score: float = 0.2


class ImageClasses(Perceiver):
    """Names what a picture shows as a whole, best first."""

    Options = ImageClassesOptions
    takes = {"image": Input("camera/+/image", Image)}
    gives = {"classes": Output("vision/classes", Classes)}

    async def setup(self) -> None:
        """Load the model."""
        self._model = self.model(self.options.model)
        await self._model.load()

    async def process(self, event: Event[Image], emit: Emit) -> None:
        """Classify one picture."""
        found = await self._model.infer({"image": event.payload.data})
        kept = [
            (label, score)
            for label, score in zip(found["labels"], found["scores"], strict=True)
            if score >= self.options.min_score
        ]
        labels, scores = zip(*kept, strict=True) if kept else ((), ())
        await emit(Classes(tuple(labels), tuple(scores)))
