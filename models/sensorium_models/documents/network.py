"""The bundled network: a LayoutLMv3 (Huang et al., 2022) of text and places, without the picture.

It is ``transformers.LayoutLMv3ForTokenClassification`` with ``visual_embed`` off and widths that
two cores can train. Its tokenizer takes every digit for a 0, so that an amount or a date is one
token by its form.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from sensorium_models.documents.labels import LABELS
from sensorium_sims.world.documents import contents, forms, invoices

LONGEST = 512
VOCABULARY = 1400
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")


def small_layoutlm(tokens: int, *, width: int = 96, layers: int = 4, heads: int = 4) -> Any:
    """A new network for ``tokens`` different tokens; 0.9 M parameters or less by default.

    Places are sixths of ``width`` wide: x0, y0, x1, y1, height and width.
    """
    from transformers import LayoutLMv3Config, LayoutLMv3ForTokenClassification

    config: Any = LayoutLMv3Config
    made: Any = LayoutLMv3ForTokenClassification
    return made(
        config(
            vocab_size=tokens, hidden_size=width, num_hidden_layers=layers,
            num_attention_heads=heads, intermediate_size=3 * width, visual_embed=False,
            coordinate_size=width // 6, shape_size=width // 6, max_2d_position_embeddings=1024,
            max_position_embeddings=LONGEST + 2, hidden_dropout_prob=0.05,
            attention_probs_dropout_prob=0.0, type_vocab_size=1, initializer_range=0.05,
            id2label=dict(enumerate(LABELS)), label2id={name: at for at, name in enumerate(LABELS)},
        )
    )  # fmt: skip


@cache
def document_tokenizer() -> Any:
    """A fast tokenizer of ``transformers``: bytes put together to the words of the world."""
    from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    inner = Tokenizer(models.BPE())
    inner.normalizer = normalizers.Sequence(
        [normalizers.NFKC(), normalizers.Lowercase(), normalizers.Replace(Regex(r"\d"), "0")]
    )
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)
    inner.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(SPECIAL), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    inner.train_from_iterator(_corpus(), trainer)
    fast: Any = PreTrainedTokenizerFast
    return fast(
        tokenizer_object=inner, bos_token="<s>", eos_token="</s>", pad_token="<pad>",
        unk_token="<unk>", mask_token="<mask>", model_max_length=LONGEST,
        clean_up_tokenization_spaces=False,
    )  # fmt: skip


def _corpus() -> list[str]:
    """Single words as the documents use them, numbers by their form."""
    lists = [value for value in vars(contents).values() if isinstance(value, list)]
    lists += [list(keys) for keys in invoices.KEYS.values()]
    lists += [forms.TITLES, forms.BOXES]
    texts = [text for values in lists for text in values] * 20
    texts += ["Name: Date of birth: Street: Town: Telephone: E-mail: Employer: Reference:"] * 20
    texts += ["Item Qty Price Amount INVOICE Planned Measured Table. Signed on:"] * 20
    texts += ["Thank you for your order. and Road Street Lane"] * 20
    rng = np.random.default_rng(0)
    made = (contents.date, contents.street, contents.town, contents.sentence)
    for _ in range(400):
        texts += [make(rng) for make in made]
        texts += [contents.code(rng, "INV"), contents.code(rng, "REF")]
        texts += [contents.money(int(10 ** rng.uniform(1, 6))), f"{10 ** rng.uniform(0, 4):.1f}"]
        texts += [str(int(10 ** rng.uniform(0, 6))), f"0{rng.integers(100, 999)}"]
    return [word for text in texts for word in text.split()]
