"""Text embedding: a vector for each thing said or typed, near to those that mean the same."""

from __future__ import annotations

from sensorium import ComponentOptions, Emit, Input, Output, Perceiver, Text
from sensorium.events import AnyEvent
from sensorium.payloads import Embedding, Transcript


class TextEmbeddingOptions(ComponentOptions):
    """Options of :class:`TextEmbedding`."""

    model: str = "text_embedding"


class TextEmbedding(Perceiver):
    """Embeds typed text and transcripts."""

    Options = TextEmbeddingOptions
    takes = {
        "text": Input("chat/text", Text),
        "transcript": Input("speech/transcript", Transcript),
    }
    gives = {"embedding": Output("text/embedding", Embedding)}

    async def setup(self) -> None:
        """Load the model."""
        self._model = self.model(self.options.model)
        await self._model.load()

    async def process(self, event: AnyEvent, emit: Emit) -> None:
        """Embed one text."""
        answer = await self._model.infer({"text": event.payload.text})
        await emit(Embedding(answer["embedding"], self.options.model))
