"""Sentence embeddings: MiniLM-L6 with mean pooling (Reimers & Gurevych, "Sentence-BERT", 2019).

Weights: sentence-transformers/all-MiniLM-L6-v2, six BERT layers of width 384.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import numpy as np

from sensorium.errors import BadInput, MissingDependency, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.store import ModelStore
from sensorium_models.store.fingerprint import weights_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WIDTH = 384


class TextRequest(TypedDict):
    """``text`` to embed."""

    text: str


class EmbeddingResult(TypedDict):
    """``embedding`` (384,) of length 1: a dot product of two is their cosine similarity."""

    embedding: NDArray[np.float32]


class TextEmbeddingOptions(ModelOptions):
    """Options of :class:`TextEmbedding`: store name (or folder), longest text in word pieces."""

    model: str = "minilm-l6-v2"
    max_tokens: int = 256


class TextEmbedding(Model[TextRequest, EmbeddingResult]):
    """Map texts to vectors whose cosine says how near their meanings are.

    Text beyond ``max_tokens`` is not read. A text without a word gets the zero vector, which is
    near to nothing.
    """

    Options = TextEmbeddingOptions
    _model: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        return weights_of(options.model)

    def load(self, device: str) -> None:
        """Bring the weights to ``device``; raises ModelUnavailable when the store has none."""
        try:
            import torch
            from tokenizers import Tokenizer
            from transformers import AutoModel
            from transformers.utils import logging
        except ModuleNotFoundError as error:
            raise MissingDependency(
                "text embedding",
                error.name or "transformers",
                'Run: pip install "sensorium[language]"',
            ) from error
        folder = self._folder()
        self._torch: Any = torch
        self._device = device
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(self.options.max_tokens)
        self._tokenizer.enable_padding(pad_id=0, pad_token="[PAD]")
        logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        model: Any = AutoModel.from_pretrained(str(folder), local_files_only=True)
        self._model = model.eval().to(device)

    def _folder(self) -> Path:
        given = Path(self.options.model).expanduser()
        return given if given.is_absolute() else ModelStore().path(self.options.model)

    def infer(self, batch: Sequence[TextRequest]) -> list[EmbeddingResult]:
        """Embed every text of ``batch``, padded to the longest, in one pass."""
        if self._model is None:
            raise ModelError(self.options.model, "call load() before infer()")
        texts = [_text(request) for request in batch]
        vectors = np.zeros((len(texts), WIDTH), np.float32)
        worded = [row for row, text in enumerate(texts) if text]
        if worded:
            vectors[worded] = self._embed([texts[row] for row in worded])
        return [{"embedding": vector} for vector in vectors]

    def unload(self) -> None:
        """Let go of the weights."""
        self._model = None

    def _embed(self, texts: list[str]) -> NDArray[np.float32]:
        torch = self._torch
        encoded = self._tokenizer.encode_batch(texts)
        ids = torch.tensor([e.ids for e in encoded], device=self._device)  # (B, T)
        mask = torch.tensor([e.attention_mask for e in encoded], device=self._device)
        with torch.inference_mode():
            hidden = self._model(input_ids=ids, attention_mask=mask).last_hidden_state  # (B, T, C)
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1)  # (B, C)
            unit = torch.nn.functional.normalize(mean, dim=1)
        vectors: NDArray[np.float32] = unit.float().cpu().numpy()
        return vectors


def _text(request: TextRequest) -> str:
    text = request["text"]
    if not isinstance(text, str):
        raise BadInput(f"text embedding takes a str, got {type(text).__name__}")
    return text.strip()
