"""Lips: cuts the lips of the largest face out of every picture of a camera."""

from __future__ import annotations

from typing import Any

from sensorium import ComponentOptions, Emit, Event, Image, Input, Output, Perceiver
from sensorium.delivery import DeliveryPolicy
from sensorium.errors import ModelUnavailable


class LipsOptions(ComponentOptions):
    """Options of :class:`Lips`."""

    model: str = "face_detection"
    mesh: str = "face_mesh"
    """The model that finds the points of the lips; "" to go by the face detector alone."""


class Lips(Perceiver):
    """Gives the lips as a small picture with the originating time of the large one.

    A picture without a face gives nothing. Pictures wait for one another up to half a second: who
    reads lips needs them all. Where the weights of the mesh are not on this machine, the log says
    so, and the mouth that the face detector points at is taken.
    """

    Options = LipsOptions
    takes = {"image": Input("camera/+/image", Image, DeliveryPolicy.drop_oldest(16))}
    gives = {"lips": Output("vision/lips", Image)}

    async def setup(self) -> None:
        """Load the models."""
        self._model = self.model(self.options.model)
        await self._model.load()
        self._mesh: Any = None
        if self.options.mesh:
            mesh = self.model(self.options.mesh)
            try:
                await mesh.load()
            except ModelUnavailable as error:
                self.log.warning("lips are found without a face mesh: %s", error)
            else:
                self._mesh = mesh

    async def process(self, event: Event[Image], emit: Emit) -> None:
        """Look at one picture."""
        from sensorium_models.audio_visual_speech.lips import largest, lips_of

        picture = event.payload.data
        faces = await self._model.infer({"image": picture})
        best, mesh = largest(faces), None
        if best is not None and self._mesh is not None:
            face = {"box": faces["boxes"][best], "keypoints": faces["keypoints"][best]}
            mesh = await self._mesh.infer({"image": picture, **face})
        found = lips_of(picture, faces, mesh)
        if found["lips"] is not None:
            await emit(Image(found["lips"]))
