"""The frozen language model: what it says after a question and the tokens of pictures.

A turn reads ``<|im_start|>user``, the question, the pictures' tokens, ``<|im_end|>``, and then the
answer, in the chat format of the store's SmolLM2 without its system message. The question comes
first, as in half of LLaVA's turns: what stands before the pictures' tokens then needs no gradient.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from sensorium.errors import MissingDependency, ModelUnavailable
from sensorium_models.pretrained import first_line, no_progress_bars
from sensorium_models.store.locking import file_lock
from sensorium_models.store.store import ModelStore, default_root

BEFORE, AFTER = "<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n"
END = "<|im_end|>"
UNTOLD = -100


@dataclass(frozen=True)
class Speaker:
    """A causal language model in eval mode that learns nothing, and its tokenizer."""

    model: Any
    tokenizer: Any

    @property
    def width(self) -> int:
        """Of its embeddings."""
        return int(self.model.config.hidden_size)

    def size(self) -> float:
        """The usual length of an embedding."""
        return float(self.table.float().norm(dim=-1).median())

    @property
    def table(self) -> Tensor:
        """(vocabulary, width) of embeddings."""
        weight: Tensor = self.model.get_input_embeddings().weight
        return weight

    def ids(self, text: str) -> list[int]:
        """The tokens of a text, and no others."""
        return list(self.tokenizer(text, add_special_tokens=False).input_ids)

    def words(self, texts: Sequence[str], longest: int) -> tuple[Tensor, Tensor]:
        """Embeddings (N, L, width) of the last ``longest`` tokens of texts; which are said."""
        rows = [self.ids(text)[-longest:] for text in texts]
        ids, said = padded(rows)
        return self.table[ids.to(self.table.device)].float(), said.to(self.table.device)

    def read(self, texts: Sequence[str], earlier: str = "") -> tuple[Any, Tensor]:
        """The cache of turns up to their pictures, and which places (N, L) of it are said."""
        ids, said = padded([self.ids(f"{earlier}{BEFORE}{text}\n") for text in texts], left=True)
        said = said.to(self.model.device)
        with torch.no_grad():
            out = self.model.model(
                input_ids=ids.to(said.device), attention_mask=said, use_cache=True,
                position_ids=(said.cumsum(1) - 1).clamp_min(0),
            )  # fmt: skip
        return out.past_key_values, said

    def go_on(self, past: Any, said: Tensor, embedded: Tensor, here: Tensor | None = None) -> Any:
        """Read on (N, L, width), ``here`` (N, L) where there is something; adds to ``past``.

        Returns the hidden states (N, L, width) and what is ``said`` by then.
        """
        here = torch.ones_like(embedded[..., 0], dtype=torch.long) if here is None else here
        said = torch.cat([said, here], 1)
        places = (said.cumsum(1) - 1).clamp_min(0)[:, -embedded.shape[1] :]
        out = self.model.model(
            inputs_embeds=embedded.to(self.table.dtype), attention_mask=said, position_ids=places,
            past_key_values=past, use_cache=True,
        )  # fmt: skip
        return out.last_hidden_state, said

    def loss(self, texts: Sequence[str], tokens: Tensor, answers: Sequence[str]) -> Tensor:
        """Cross-entropy of ``answers`` after turns whose pictures are ``tokens`` (N, K, width)."""
        past, said = self.read(texts)
        after = self.ids(AFTER)
        rows = [[*self.ids(answer), *self.ids(END)] for answer in answers]
        ids, there = (one.to(said.device) for one in padded([[*after, *row] for row in rows]))
        told = torch.cat([tokens.to(self.table.dtype), self.table[ids]], 1)
        here = torch.cat([said.new_ones(tokens.shape[:2]), there], 1)
        hidden, _ = self.go_on(past, said, told, here)
        hidden = hidden[:, tokens.shape[1] + len(after) - 1 : -1]
        goals = ids[:, len(after) :].masked_fill(there[:, len(after) :] == 0, UNTOLD)
        known = goals != UNTOLD
        logits = self.model.lm_head(hidden[known]).float()
        return functional.cross_entropy(logits, goals[known])

    def first(
        self, texts: Sequence[str], tokens: Tensor, earlier: Sequence[Mapping[str, str]] = ()
    ) -> tuple[Tensor, Any]:
        """Logits (vocabulary,) of what the answer to the only turn begins with, and the cache.

        ``earlier`` are messages that went before, as ``{"role", "content"}``."""
        told = "".join(f"<|im_start|>{m['role']}\n{m['content']}{END}\n" for m in earlier)
        past, said = self.read(texts, told)
        hidden, _ = self.go_on(past, said, self._with_after(tokens))
        return self.model.lm_head(hidden[0, -1]).float(), past

    def _with_after(self, tokens: Tensor) -> Tensor:
        after = torch.tensor(self.ids(AFTER), device=tokens.device).expand(len(tokens), -1)
        return torch.cat([tokens.to(self.table.dtype), self.table[after]], 1)

    @torch.no_grad()
    def answers(self, texts: Sequence[str], tokens: Tensor, most: int = 32) -> list[str]:
        """The likeliest words, one token after another, until each answer ends."""
        past, said = self.read(texts)
        embedded = self._with_after(tokens)
        end = self.ids(END)[0]
        given: list[Tensor] = []
        over = torch.zeros(len(texts), dtype=torch.bool, device=said.device)
        while len(given) < most and not bool(over.all()):
            hidden, said = self.go_on(past, said, embedded)
            following = self.model.lm_head(hidden[:, -1]).argmax(-1)
            over |= following == end
            given.append(following.masked_fill(over, end))
            embedded = self.table[following[:, None]]
        rows = torch.stack(given, 1).tolist()
        return [self.tokenizer.decode([i for i in row if i != end]).strip() for row in rows]

    def perplexity(self, text: str, longest: int = 512) -> float:
        """Of a text, read alone in pieces of ``longest`` tokens."""
        ids = self.ids(text)
        total, count = 0.0, 0
        for first in range(0, len(ids) - 1, longest):
            piece = torch.tensor([ids[first : first + longest]], device=self.table.device)
            with torch.no_grad():
                logits = self.model(input_ids=piece).logits[0, :-1].float()
            total += float(functional.cross_entropy(logits, piece[0, 1:], reduction="sum"))
            count += piece.shape[1] - 1
        return float(torch.tensor(total / count).exp())


def padded(rows: Sequence[Sequence[int]], *, left: bool = False) -> tuple[Tensor, Tensor]:
    """(N, the longest) numbers with 0 where a row has none, and 1 where it has one."""
    most = max(map(len, rows))
    gaps = [[0] * (most - len(row)) for row in rows]
    filled = [[*gap, *row] if left else [*row, *gap] for row, gap in zip(rows, gaps, strict=True)]
    here = [
        [*gap, *[1] * len(row)] if left else [*[1] * len(row), *gap]
        for row, gap in zip(rows, gaps, strict=True)
    ]
    return torch.tensor(filled), torch.tensor(here)


def flat(model: nn.Module) -> None:
    """Let every linear layer take two dimensions: with three a CPU goes a slow way (about 5x)."""
    for layer in model.modules():
        if type(layer) is nn.Linear:
            layer.forward = _flat(layer)  # type: ignore[method-assign, assignment]


def _flat(layer: nn.Linear) -> Callable[[Tensor], Tensor]:
    def forward(x: Tensor) -> Tensor:
        out = functional.linear(x.reshape(-1, x.shape[-1]), layer.weight, layer.bias)
        return out.view(*x.shape[:-1], -1)

    return forward


def unpacked() -> Path:
    """Where a language model of the store lies unpacked, beside the store."""
    return default_root().parent / "unpacked"


def load_speaker(
    name: str, file: str, dtype: str = "float32", tell: Callable[[str], None] = lambda line: None
) -> Speaker:
    """The language model ``name`` of the store (its GGUF ``file``), or a folder of transformers.

    A GGUF is unpacked once (half a minute) into :func:`unpacked`, and read from there afterwards.
    Raises ModelUnavailable with what to do, and MissingDependency.
    """
    try:
        from transformers import AutoModelForCausalLM, AutoTokenizer
    except ImportError as error:
        remedy = 'Run: pip install "sensorium[language,vision]"'
        raise MissingDependency(
            "the multimodal model", error.name or "transformers", remedy
        ) from error
    folder = folder_of(name, file, tell)
    try:
        with no_progress_bars():
            tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
            made: Any = AutoModelForCausalLM
            model = made.from_pretrained(
                folder, dtype=dtype, local_files_only=True, attn_implementation="eager"
            )
    except (OSError, ValueError) as error:
        raise ModelUnavailable(name, f"cannot load {folder}: {first_line(error)}") from error
    flat(model)
    return Speaker(model.eval().requires_grad_(False), tokenizer)


def plain_model(name: str, file: str) -> Any:
    """The same language model in float32 as transformers alone loads and runs it."""
    from transformers import AutoModelForCausalLM

    made: Any = AutoModelForCausalLM
    with no_progress_bars():
        return made.from_pretrained(
            folder_of(name, file), dtype="float32", local_files_only=True
        ).eval()


def folder_of(name: str, file: str, tell: Callable[[str], None] = lambda line: None) -> Path:
    """A folder given as it is, or where the model of the store is unpacked, now if need be."""
    folder = Path(name).expanduser()
    return folder if folder.is_dir() else _unpack(name, file, tell)


def _unpack(name: str, file: str, tell: Callable[[str], None]) -> Path:
    from sensorium_models.language.transformers_lm import TransformersModel, TransformersOptions

    packed = ModelStore().path(name, file)
    about = packed.stat()
    kept = unpacked() / f"{name}-{about.st_size:x}-{about.st_mtime_ns:x}"
    with file_lock(kept.with_suffix(".lock"), lambda: tell(f"{name}: another one unpacks it")):
        if not (kept / "tokenizer_config.json").is_file():
            began = time.monotonic()
            options = TransformersOptions(
                checkpoint=str(packed.parent), gguf_file=file, converted=kept
            )
            model = TransformersModel(options)
            model.load("cpu")
            model.unload()
            tell(f"{name}: unpacked in {time.monotonic() - began:.0f} s into {kept}")
    return kept
