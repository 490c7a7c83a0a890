"""Lips: cuts the lips of the largest face out of every picture of a camera."""

from __future__ import annotations

from sensorium import ComponentOptions, Emit, Event, Image, Input, Output, Perceiver
from sensorium.delivery import DeliveryPolicy


class LipsOptions(ComponentOptions):
    """Options of :class:`Lips`."""

    model: str = "face_detection"


class Lips(Perceiver):
    """Gives the lips as a small picture with the originating time of the large one.

    A picture without a face gives nothing. Pictures wait for one another up to half a second: who
    reads lips needs them all.
    """

    Options = LipsOptions
    takes = {"image": Input("camera/+/image", Image, DeliveryPolicy.drop_oldest(16))}
    gives = {"lips": Output("vision/lips", Image)}

    async def setup(self) -> None:
        """Load the model."""
        self._model = self.model(self.options.model)
        await self._model.load()

    async def process(self, event: Event[Image], emit: Emit) -> None:
        """Look at one picture."""
        from sensorium_models.audio_visual_speech.lips import lips_of

        found = lips_of(event.payload.data, await self._model.infer({"image": event.payload.data}))
        if found["lips"] is not None:
            await emit(Image(found["lips"]))
