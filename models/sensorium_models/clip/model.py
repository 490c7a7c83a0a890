"""CLIP as an executor hosts it: a picture or a text in, a vector out.

Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021. The
cosine of a picture's vector with a text's says how well they fit; times ``scale``, through a
softmax over several texts, it is the chance of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypedDict

import numpy as np
from numpy.typing import NDArray

from sensorium.errors import BadInput, ModelError
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.clip.checkpoint import NAME, Checkpoint, bundled, load
from sensorium_models.store.fingerprint import weights_of
from sensorium_models.vision.images import image_of


class ClipRequest(TypedDict, total=False):
    """One of the two."""

    image: NDArray[np.uint8]
    """(H, W, 3) RGB."""
    text: str


class ClipResult(TypedDict):
    """``embedding`` (D,) of length 1, and the ``scale`` that the model learned for cosines."""

    embedding: NDArray[np.float32]
    scale: float


class ClipOptions(ModelOptions):
    """Which checkpoint."""

    weights: str = ""
    """A folder in the format of ``transformers.CLIPModel``, or a hub id; the bundled CLIP, which
    knows the synthetic world, if left out."""
    local_only: bool = True
    """Never touch the network. Turn off to let a hub id be fetched."""


class Clip(Model[ClipRequest, ClipResult]):
    """Vectors of pictures and of texts in one space."""

    Options = ClipOptions
    _loaded: Checkpoint | None = None
    _device = "cpu"

    @classmethod
    def weights(cls, options: ClipOptions) -> dict[str, str]:
        """The sha256 of the files of a local checkpoint; nothing of one that a hub holds."""
        path = Path(options.weights).expanduser() if options.weights else bundled()
        return weights_of(path) if path.exists() else {}

    def load(self, device: str) -> None:
        """Bring the weights to ``device``; raises ModelUnavailable for what is no ``CLIPModel``."""
        loaded = load(self.options.weights, local_only=self.options.local_only)
        loaded.model.to(device)
        self._loaded, self._device = loaded, device

    def warm_up(self) -> None:
        """Have torch prepare its kernels."""
        self.infer([{"image": np.zeros((64, 64, 3), np.uint8)}])

    def infer(self, batch: Sequence[ClipRequest]) -> list[ClipResult]:
        """Embed each picture or text; pictures in one pass, texts in another.

        Raises BadInput for a request with neither or both, a picture that is not uint8 RGB, and a
        text that is empty, too long, or has words that the checkpoint does not know.
        """
        if self._loaded is None:
            raise ModelError(NAME, "call load() before infer()")
        for request in batch:
            if ("image" in request) == ("text" in request):
                raise BadInput("CLIP takes a picture or a text: give 'image' or 'text'")
        seen = [at for at, request in enumerate(batch) if "image" in request]
        said = [at for at, request in enumerate(batch) if "text" in request]
        pictures = [image_of(batch[at]) for at in seen]
        texts = [_text(batch[at]["text"]) for at in said]
        vectors: dict[int, NDArray[np.float32]] = {}
        if pictures:
            vectors |= dict(zip(seen, self._see(pictures), strict=True))
        if texts:
            vectors |= dict(zip(said, self._read(texts), strict=True))
        scale = float(self._loaded.model.logit_scale.exp())
        return [{"embedding": vectors[at], "scale": scale} for at in range(len(batch))]

    @property
    def side(self) -> int:
        """Pixels of the side of the square that it looks at."""
        if self._loaded is None:
            raise ModelError(NAME, "call load() first")
        return int(self._loaded.model.config.vision_config.image_size)

    def unload(self) -> None:
        """Let go of the weights."""
        self._loaded = None

    def _see(self, pictures: list[NDArray[np.uint8]]) -> NDArray[np.float32]:
        assert self._loaded is not None
        ready = self._loaded.pictures(
            pictures, return_tensors="pt", input_data_format="channels_last"
        )
        return self._vectors(
            self._loaded.model.get_image_features, ready["pixel_values"].to(self._device)
        )

    def _read(self, texts: list[str]) -> NDArray[np.float32]:
        assert self._loaded is not None
        tokens = self._loaded.tokenizer(texts, padding=True, return_tensors="pt")
        most = self._loaded.model.config.text_config.max_position_embeddings
        for row, text in enumerate(texts):
            length = int(tokens["attention_mask"][row].sum())
            if length > most:
                raise BadInput(f"a text of {length} tokens; this CLIP reads {most}: {text[:60]!r}…")
            self._check_words(text, tokens, row)
        return self._vectors(
            self._loaded.model.get_text_features,
            tokens["input_ids"].to(self._device), tokens["attention_mask"].to(self._device),
        )  # fmt: skip

    def _check_words(self, text: str, tokens: Any, row: int) -> None:
        """A published CLIP knows every byte; one with a small vocabulary does not."""
        assert self._loaded is not None
        unknown = self._loaded.tokenizer.unk_token_id
        encoded = tokens.encodings[row]
        words = [
            text[start:stop]
            for number, special, (start, stop) in zip(
                encoded.ids, encoded.special_tokens_mask, encoded.offsets, strict=True
            )
            if number == unknown and not special and stop > start
        ]
        if words:
            named = ", ".join(repr(word) for word in dict.fromkeys(words))
            raise BadInput(
                f"this CLIP does not know {named} in {text!r}. The bundled one knows the words of"
                " the synthetic world (docs/clip.md). A published one knows more: set weights"
            )

    @staticmethod
    def _vectors(embed: Any, *inputs: Any) -> NDArray[np.float32]:
        import torch

        with torch.inference_mode():
            found = embed(*inputs).pooler_output
            unit = torch.nn.functional.normalize(found.float(), dim=-1)
        return np.asarray(unit.cpu().numpy(), np.float32)


def _text(text: object) -> str:
    if not isinstance(text, str):
        raise BadInput(f"CLIP takes a text as str, not {type(text).__name__}")
    if not text.strip():
        raise BadInput("CLIP got an empty text: say what the picture may show")
    return text.strip()
