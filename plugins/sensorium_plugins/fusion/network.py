"""Fusing what belongs together in time by a network: classes and a vector for each set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field, model_validator

from sensorium import DeliveryPolicy, Emit, Input, Output, Payload
from sensorium.errors import BadInput, ComponentError
from sensorium.fusion import Aligned, Interpolated, Joiner, Joining
from sensorium.fusion.joiner import LIVES
from sensorium.payloads import Audio, Classes, Embedding, Image, Text, Transcript, Utterance
from sensorium_plugins.bridges.mqtt_options import Pattern
from sensorium_plugins.fusion.join import WithTopic

MAILBOX = DeliveryPolicy.drop_oldest(256)


class FusionNetworkOptions(Joining):
    """Options of :class:`FusionNetwork`."""

    primary: Pattern
    """The topic whose events are answered, each once."""
    modality: str = "words"
    """What the primary's events are to the network."""
    others: dict[str, WithTopic] = Field(min_length=1)  # type: ignore[assignment]
    """By the network's names: the topics of its other modalities, and how they are joined."""
    model: str = "fusion_network"

    @model_validator(mode="after")
    def _names_are_free(self) -> FusionNetworkOptions:
        for name in self.others:
            if name == self.modality or name in LIVES:
                raise ValueError(f"others.{name}: this name is taken")
        return self


class FusionNetwork(Joiner):
    """Joins modalities by originating time and asks a fusion network about each set.

    A modality without a match is missing, and the network does without. Embeddings go in as they
    are; pictures, sounds and words through the features of the bundled network. Of several events
    of a window sounds are put together, of anything else the last one counts.
    """

    Options = FusionNetworkOptions
    gives = {
        "classes": Output("fusion/{name}/classes", Classes),
        "embedding": Output("fusion/{name}/embedding", Embedding),
    }

    @classmethod
    def inputs(cls, options: Any) -> Mapping[str, Input]:
        """The topics that the options name."""
        topics = {options.modality: options.primary}
        topics |= {name: other.topic for name, other in options.others.items()}
        return {name: Input(topic, Payload, MAILBOX) for name, topic in topics.items()} | LIVES

    @property
    def joining(self) -> Joining:
        """The options, the primary by the name of its input."""
        changed: Joining = self.options.model_copy(update={"primary": self.options.modality})
        return changed

    async def setup(self) -> None:
        """Load the model."""
        await super().setup()
        self._model = self.model(self.options.model)
        await self._model.load()

    async def joined(self, aligned: Aligned, emit: Emit) -> None:
        """Answer one set."""
        payloads = {self.options.modality: [aligned.primary.payload]}
        for name, match in zip(aligned.names, aligned.matches, strict=True):
            if isinstance(match, Interpolated):
                payloads[name] = [match.payload]
            else:
                payloads[name] = [event.payload for event in aligned.members(name)]
        inputs = {name: self._shown(name, found) for name, found in payloads.items() if found}
        try:
            answer = await self._model.infer({"inputs": inputs})
        except BadInput as error:  # one set that cannot be read: the next one may be
            self.log.warning("a set is not answered: %s", error)
            return
        await emit(Classes(tuple(answer["labels"]), tuple(answer["scores"])), to="classes")
        await emit(Embedding(answer["vector"], self.options.model), to="embedding")

    def _shown(self, name: str, payloads: list[Any]) -> dict[str, Any]:
        """What a modality's events show, as the model's request wants it."""
        last = payloads[-1]
        if isinstance(last, Embedding):
            return {"vector": last.vector, "space": last.space}
        if isinstance(last, Image):
            return {"picture": last.data}
        if isinstance(last, (Audio, Utterance)):
            same = [p.samples for p in payloads if p.sample_rate == last.sample_rate]
            return {"samples": np.concatenate(same), "rate": last.sample_rate}
        if isinstance(last, (Text, Transcript)):
            return {"words": last.text}
        raise ComponentError(
            self.name,
            f"{name} comes as {type(last).__name__}; a fusion network takes Embedding, Image,"
            " Audio, Utterance, Text or Transcript",
        )
