"""Any causal language model that ``transformers`` can load: a folder, a hub id, or a GGUF.

The decoding loop is written out (one forward pass a token over the key-value cache) instead of
``generate`` on a thread: closing the stream then stops the work by itself, and a seed of its own
per request leaves torch's global generator alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from sensorium.errors import MissingDependency, ModelError, ModelUnavailable
from sensorium.workers.model import Model, ModelOptions
from sensorium_models.pretrained import no_progress_bars

from .choices import TokenTrie
from .request import ChatRequest, StopFilter, parse_request

NAME = "transformers"
UNFINISHED = "\ufffd"  # what the tokenizer writes for half a character


class TransformersOptions(ModelOptions):
    """Which checkpoint. ``gguf_file`` names a GGUF inside ``checkpoint``."""

    checkpoint: str
    """A folder in Hugging Face's format, or a hub id (which downloads)."""
    gguf_file: str = ""
    converted: Path | None = None
    """Where to keep a GGUF once it is unpacked (unpacking takes tens of seconds, reading the
    result one): loaded from there when it exists. Without it, every load unpacks."""
    dtype: str = "auto"
    """What the checkpoint says ("auto"), or a name such as "bfloat16". GGUF unpacks to float32."""
    local_only: bool = True
    """Never touch the network. Turn off to let a hub id be fetched."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    threads: int = Field(default=0, ge=0)
    """CPU threads for torch in this process; 0 leaves torch's own choice."""


class TransformersModel(Model[Mapping[str, Any], dict[str, str]]):
    """One checkpoint; requests as in :mod:`.request`, parts ``{"text": delta}``."""

    Options = TransformersOptions

    def __init__(self, options: TransformersOptions) -> None:
        super().__init__(options)
        self._model: Any = None
        self._tokenizer: Any = None
        self._device = "cpu"

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of the files of a local checkpoint; nothing of one that a hub holds."""
        from sensorium_models.store.fingerprint import weights_of

        return weights_of(options.checkpoint)

    def load(self, device: str) -> None:
        """Load tokenizer and weights to ``device``.

        Raises ``MissingDependency`` (no transformers or torch) and ``ModelUnavailable`` (no such
        checkpoint, or one that transformers cannot read).
        """
        try:
            import torch
            import transformers
        except ImportError as error:
            raise MissingDependency(
                "the transformers backend", str(error.name), "pip install 'sensorium[language]'"
            ) from error
        if self.options.threads:
            torch.set_num_threads(self.options.threads)
        with no_progress_bars():
            self._model = self._read(transformers).to(device)
        self._device = device

    def _read(self, transformers: Any) -> Any:
        """Tokenizer and weights from where they are, kept unpacked where that was asked for."""
        source, extra = self._source()
        try:
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(source, **extra)
            model = transformers.AutoModelForCausalLM.from_pretrained(
                source, dtype=self.options.dtype, **extra
            )
        except (OSError, ValueError, ImportError) as error:
            raise ModelUnavailable(NAME, f"cannot load {source!r}: {error}") from error
        if "gguf_file" in extra and self.options.converted is not None:
            # The weights are plain numbers by now; the mark of their origin forbids saving them.
            model.hf_quantizer.remove_quantization_config(model)
            model.save_pretrained(self.options.converted)
            self._tokenizer.save_pretrained(self.options.converted)
        return model.eval()

    def _source(self) -> tuple[str, dict[str, Any]]:
        options = self.options
        extra: dict[str, Any] = {"local_files_only": options.local_only}
        if options.gguf_file:
            kept: Path | None = options.converted
            # The tokenizer is saved last, so its presence means the folder is whole.
            if kept is not None and (kept / "tokenizer_config.json").is_file():
                return str(kept), extra
            extra["gguf_file"] = options.gguf_file
        return options.checkpoint, extra

    def infer(self, batch: Sequence[Mapping[str, Any]]) -> Sequence[dict[str, str]]:
        """Answer each request with its whole stream joined: ``{"text": answer}``."""
        return [{"text": "".join(part["text"] for part in self.stream(r))} for r in batch]

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """Yield ``{"text": delta}``; closing stops the loop before the next forward pass.

        Raises ``BadInput`` (bad request) and ``ModelError`` (not loaded, prompt too long).
        """
        chat = parse_request(request)
        if self._model is None:
            raise ModelError(NAME, "not loaded: call load(device) first")
        stop = StopFilter(chat.stop)
        for text in self._texts(chat):
            if out := stop.feed(text):
                yield {"text": out}
            if stop.hit:
                return
        if rest := stop.rest():
            yield {"text": rest}

    def _texts(self, chat: ChatRequest) -> Iterator[str]:
        """The new characters of each token, once they are whole characters."""
        ids: list[int] = []
        done = 0
        for token in self._tokens(chat):
            ids.append(token)
            text: str = self._tokenizer.decode(ids, skip_special_tokens=True)
            if not text.endswith(UNFINISHED) and len(text) > done:
                yield text[done:]
                done = len(text)
        text = self._tokenizer.decode(ids, skip_special_tokens=True)
        if len(text) > done:
            yield text[done:]

    def _tokens(self, chat: ChatRequest) -> Iterator[int]:
        import torch

        ids = self._prompt(chat)  # (1, T)
        ends = self._end_tokens()
        generator = torch.Generator(device=self._device).manual_seed(chat.seed)
        past = None
        trie = TokenTrie(chat.choices, self._encode) if chat.choices else None
        for _ in range(chat.max_tokens):
            with torch.inference_mode():
                out = self._model(input_ids=ids, past_key_values=past, use_cache=True)
            past = out.past_key_values
            logits = out.logits[0, -1].float()
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
            ids = torch.tensor([[token]], device=self._device)

    def _prompt(self, chat: ChatRequest) -> Any:
        if not self._tokenizer.chat_template:
            raise ModelError(NAME, f"{self.options.checkpoint!r} has no chat template")
        encoded = self._tokenizer.apply_chat_template(
            list(chat.messages),
            add_generation_prompt=not chat.continues,
            continue_final_message=chat.continues,
            return_tensors="pt",
            return_dict=True,
        )
        ids = encoded["input_ids"].to(self._device)
        room = getattr(self._model.config, "max_position_embeddings", None)
        if room and ids.shape[1] + chat.max_tokens > room:
            raise ModelError(
                NAME,
                f"{ids.shape[1]} tokens of prompt and {chat.max_tokens} of answer exceed the "
                f"model's {room}: shorten the history",
            )
        return ids

    def _encode(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False)
        return ids

    def _masked(self, logits: Any, trie: TokenTrie, ends: set[int]) -> Any:
        """``logits`` (V,) of what leads on to a choice, or ends one; all else is impossible."""
        import torch

        kept = trie.allowed + (sorted(ends) if trie.may_end else [])
        masked = torch.full_like(logits, -torch.inf)
        masked[kept] = logits[kept]
        return masked

    def _end_tokens(self) -> set[int]:
        """Every token that ends an answer: the checkpoint may name one or several."""
        named = self._model.generation_config.eos_token_id
        ids = named if isinstance(named, list) else [named]
        return {i for i in [*ids, self._tokenizer.eos_token_id] if i is not None}

    def _choose(self, logits: Any, temperature: float, generator: Any) -> int:
        """The next token of ``logits`` (V,): the best, or one drawn from the nucleus.

        Nucleus sampling: Holtzman et al., 2020, "The Curious Case of Neural Text Degeneration".
        """
        import torch

        if temperature == 0:
            return int(logits.argmax())
        probs, order = (logits / temperature).softmax(-1).sort(descending=True)
        # Keep the tokens before which the mass is still short of top_p, so always the first.
        probs = probs * (probs.cumsum(-1) - probs < self.options.top_p)
        return int(order[torch.multinomial(probs, 1, generator=generator)])

    def unload(self) -> None:
        """Drop the weights."""
        self._model = self._tokenizer = None
