"""The multimodal model as an executor hosts it: messages and pictures in, words out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from sensorium.errors import BadInput, MissingDependency, ModelError
from sensorium.workers.model import ModelOptions
from sensorium_models.language.choices import TokenTrie
from sensorium_models.language.request import ChatRequest, StopFilter, parse_request
from sensorium_models.language.transformers_lm import TransformersModel
from sensorium_models.store.fingerprint import weights_of
from sensorium_models.vision.images import image_of, resize

NAME = "multimodal"
TAUGHT = 2
"""Pictures in one turn that the bundled connector was taught with."""


class MultimodalOptions(ModelOptions):
    """Which weights."""

    weights: str = ""
    """A folder of `sensorium train multimodal`, a folder of an image-text-to-text model of
    transformers (LLaVA, SmolVLM, …), or a hub id; the bundled connector if left out."""
    language_model: str = ""
    """In place of the language model that our checkpoint names: a folder of transformers with the
    same weights, unpacked already."""
    local_only: bool = True
    """Never touch the network. Turn off to let a hub id be fetched."""
    dtype: str = "auto"
    """Of the language model: "auto" (float32 with our checkpoint, else what the checkpoint says),
    "float32", or "bfloat16" where the processor is quick with it."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    threads: int = Field(default=0, ge=0)
    """CPU threads for torch in this process; 0 leaves torch's own choice."""


@dataclass(frozen=True, slots=True)
class PictureRequest(ChatRequest):
    """A chat request, and the pictures that its last message is about."""

    images: tuple[NDArray[np.uint8], ...] = ()


class Multimodal(TransformersModel):
    """Answers about pictures; requests as a language model's, with ``images`` beside.

    ``images`` are (H, W, 3) uint8 RGB, of any size; parts are ``{"text": delta}``. A request
    without pictures is the language model's alone, as if there were no connector.
    """

    Options = MultimodalOptions  # type: ignore[assignment]

    def __init__(self, options: Any = None) -> None:
        made: Any = MultimodalOptions() if options is None else options
        super().__init__(made)
        self._speaker: Any = None
        self._bridge: Any = None
        self._processor: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of the files of a local checkpoint, and of the language model it names."""
        import json

        from sensorium_models.multimodal.checkpoint import CONFIG, KIND, bundled

        path = Path(options.weights).expanduser() if options.weights else bundled()
        found = weights_of(path) if path.exists() else {}
        try:
            config = json.loads((path / CONFIG).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return found
        if config.get("model_type") == KIND:
            named = config["language_model"]
            found |= weights_of(options.language_model or named["name"], named["file"])
        return found

    def load(self, device: str) -> None:
        """Bring the eye, the connector and the language model, or a published model, to ``device``.

        Raises ModelUnavailable with what is wrong and what to do, and MissingDependency.
        """
        try:
            import torch

            from sensorium_models.multimodal.checkpoint import Ours, load
            from sensorium_models.multimodal.speaker import load_speaker
        except ImportError as error:
            remedy = 'Run: pip install "sensorium[language,vision]"'
            raise MissingDependency(
                "the multimodal model", error.name or "torch", remedy
            ) from error
        options = self.options
        if options.threads:
            torch.set_num_threads(options.threads)
        loaded = load(options.weights, local_only=options.local_only, dtype=options.dtype)
        if isinstance(loaded, Ours):
            dtype = "float32" if options.dtype == "auto" else options.dtype
            language = options.language_model or loaded.language
            self._speaker = load_speaker(language, loaded.file, dtype)
            _check_fit(self._speaker, loaded)
            self._bridge = loaded.bridge.to(device)
            self._model, self._tokenizer = self._speaker.model.to(device), self._speaker.tokenizer
        else:
            self._processor = loaded.processor
            self._model, self._tokenizer = loaded.model.to(device), loaded.processor.tokenizer
        self._device = device

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """Yield ``{"text": delta}``; closing stops the loop before the next forward pass.

        Raises ``BadInput`` (bad request, too many pictures) and ``ModelError`` (not loaded).
        """
        plain = parse_request({key: value for key, value in request.items() if key != "images"})
        images = tuple(image_of({"image": one}) for one in _listed(request.get("images")))
        chat = PictureRequest(**{f.name: getattr(plain, f.name) for f in fields(plain)},
                              images=images)  # fmt: skip
        if self._model is None:
            raise ModelError(NAME, "not loaded: call load(device) first")
        if images and (chat.continues or not chat.messages[-1]["content"].strip()):
            raise BadInput("the last message must be a question about the pictures")
        if self._bridge is not None and len(images) > TAUGHT:
            raise BadInput(
                f"{len(images)} pictures in one turn: this model was taught with {TAUGHT} at most"
            )
        stop = StopFilter(chat.stop)
        for text in self._texts(chat):
            if out := stop.feed(text):
                yield {"text": out}
            if stop.hit:
                return
        if rest := stop.rest():
            yield {"text": rest}

    def unload(self) -> None:
        """Drop the weights."""
        super().unload()
        self._speaker = self._bridge = self._processor = None

    def _tokens(self, chat: ChatRequest) -> Iterator[int]:
        if not isinstance(chat, PictureRequest) or not chat.images:
            yield from super()._tokens(chat)
            return
        import torch

        ends = self._end_tokens()
        generator = torch.Generator(device=self._device).manual_seed(chat.seed)
        trie = TokenTrie(chat.choices, self._encode) if chat.choices else None
        with torch.inference_mode():
            logits, past = self._look(chat) if self._bridge is not None else self._read_in(chat)
        for _ in range(chat.max_tokens):
            if trie is not None:
                logits = self._masked(logits, trie, ends)
            token = self._choose(logits, chat.temperature, generator)
            if token in ends:
                return
            yield token
            if trie is not None:
                trie.take(token)
                if not trie.allowed:
                    return
            with torch.inference_mode():
                ids = torch.tensor([[token]], device=self._device)
                out = self._model(input_ids=ids, past_key_values=past, use_cache=True)
            logits, past = out.logits[0, -1].float(), out.past_key_values

    def _look(self, chat: PictureRequest) -> tuple[Any, Any]:
        """Ours: logits (V,) of the first token of the answer, and the cache."""
        import torch

        from sensorium_models.multimodal.connector import LONGEST, look
        from sensorium_models.video_language.eye import SIDE

        pictures = np.stack([resize(image, SIDE, SIDE) for image in chat.images])
        regions, there = look(
            self._bridge.vision_tower, torch.from_numpy(pictures).to(self._device)
        )
        *earlier, last = chat.messages
        words, said = self._speaker.words([last["content"]], LONGEST)
        tokens = self._bridge.multi_modal_projector(regions[None], there[None], words, said)
        return self._speaker.first([last["content"]], tokens.flatten(1, 2), earlier)  # type: ignore[no-any-return]

    def _read_in(self, chat: PictureRequest) -> tuple[Any, Any]:
        """A published model: the same, by its own processor."""
        *earlier, last = chat.messages
        spoken: list[dict[str, Any]] = [
            {"role": one["role"], "content": [{"type": "text", "text": one["content"]}]}
            for one in earlier
        ]
        shown = [{"type": "image"} for _ in chat.images]
        asked = {"type": "text", "text": last["content"]}
        spoken.append({"role": last["role"], "content": [*shown, asked]})
        prompt = self._processor.apply_chat_template(spoken, add_generation_prompt=True)
        inputs = self._processor(
            text=prompt, images=list(chat.images), return_tensors="pt"
        ).to(self._device)  # fmt: skip
        for name, value in inputs.items():
            if value.is_floating_point():
                inputs[name] = value.to(self._model.dtype)
        out = self._model(**inputs, use_cache=True)
        return out.logits[0, -1].float(), out.past_key_values


def _listed(images: Any) -> Sequence[Any]:
    if images is None:
        return ()
    if isinstance(images, np.ndarray) and images.ndim == 3:
        return (images,)
    return list(images)


def _check_fit(speaker: Any, loaded: Any) -> None:
    connector = loaded.bridge.multi_modal_projector
    if speaker.width != connector.width:
        raise ModelError(
            NAME,
            f"the connector speaks to embeddings of {connector.width} numbers, and the language"
            f" model's have {speaker.width}: it belongs to {loaded.language}",
        )
