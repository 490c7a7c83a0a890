"""The tokenizer of the bundled CLIP: a token a word, for the world has few of them.

Saved as ``tokenizer.json``, so that ``transformers.AutoTokenizer`` reads it as it reads the byte
pairs of a published CLIP. A word that the world does not have becomes ``<|unknown|>``.
"""

from __future__ import annotations

from typing import Any

from sensorium_sims.world.captions import OPENINGS
from sensorium_sims.world.relations import RELATIONS
from sensorium_sims.world.vocabulary import COLOURS, MATERIALS, NUMBERS, SHAPES, SIZES, plural

PAD, START, END, UNKNOWN = "<|pad|>", "<|startoftext|>", "<|endoftext|>", "<|unknown|>"
LONGEST = 40
"""Tokens of a text, START and END among them: six things told in full take 34."""
PHOTOS = ("a photo of ", "an image of ", "a drawing of ")
"""Openings that the world's captions do not have, and people who prompt a CLIP use."""


def vocabulary() -> tuple[str, ...]:
    """Every token, in a fixed order: special ones, the words of the world, END.

    END is the last, as in the published CLIP. ``transformers`` takes an END of number 2 for a mark
    of old checkpoints, and then looks for the end of a text at its highest number.
    """
    nouns = [*SHAPES, "thing"]
    phrases = [*OPENINGS, *PHOTOS, *RELATIONS, *NUMBERS, *COLOURS, *MATERIALS, *SIZES]
    phrases += [*nouns, *(plural(noun) for noun in nouns), "a an the and with on of only . ,"]
    words = dict.fromkeys(word for phrase in phrases for word in phrase.split())
    return (PAD, START, UNKNOWN, *words, END)


def world_tokenizer() -> Any:
    """A fast tokenizer of ``transformers`` over :func:`vocabulary`: START, words, END."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    numbers = {word: number for number, word in enumerate(vocabulary())}
    inner = Tokenizer(models.WordLevel(numbers, unk_token=UNKNOWN))
    inner.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, numbers[START]), (END, numbers[END])]
    )
    fast: Any = PreTrainedTokenizerFast
    return fast(
        tokenizer_object=inner, bos_token=START, eos_token=END, unk_token=UNKNOWN, pad_token=PAD,
        model_max_length=LONGEST, clean_up_tokenization_spaces=False,
    )  # fmt: skip
