"""Small models with random weights: a language model, a checkpoint of ours, published ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    LlamaConfig,
    LlamaForCausalLM,
    LlavaConfig,
    LlavaForConditionalGeneration,
    LlavaProcessor,
    PreTrainedTokenizerFast,
)

from sensorium_models.multimodal.checkpoint import Bridge, save
from sensorium_models.multimodal.connector import Connector
from sensorium_models.multimodal.model import Multimodal, MultimodalOptions
from sensorium_models.multimodal.pictures import Album, album
from sensorium_models.multimodal.speaker import Speaker, load_speaker
from sensorium_models.video_language.eye import Eye
from sensorium_sims.world.questions import ANSWERS

WIDTH = 32
SPECIAL = ["<pad>", "<|im_start|>", "<|im_end|>", "<image>"]
CHAT = """{% for m in messages %}<|im_start|>{{ m['role'] }}
{% if m['content'] is string %}{{ m['content'] }}{% else %}{% for c in m['content'] %}\
{% if c['type'] == 'image' %}<image>{% else %}{{ c['text'] }}{% endif %}{% endfor %}{% endif %}\
<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""


def tokenizer_of(special: list[str] = SPECIAL) -> Any:
    """A token a word or a letter, whatever is said."""
    letters = [chr(code) for code in range(32, 127)] + ["\n"]
    words = dict.fromkeys([*special, *letters, *ANSWERS, *(f" {word}" for word in ANSWERS),
                           "colour", "size", "material", "shape", "first", "second"])  # fmt: skip
    made = Tokenizer(models.WordLevel({w: n for n, w in enumerate(words)}, unk_token="?"))
    spoken = "|".join(sorted((w for w in words if len(w) > 1 and w not in special), reverse=True))
    made.pre_tokenizer = pre_tokenizers.Split(Regex(f" ?({spoken})\\b|[\\s\\S]"), "isolated")
    made.decoder = decoders.Fuse()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", eos_token="<|im_end|>", unk_token="?",
        additional_special_tokens=special[1:], chat_template=CHAT,
    )  # fmt: skip


def small_llama(vocabulary: int) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=vocabulary, hidden_size=WIDTH, intermediate_size=48, num_hidden_layers=2,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=512,
        eos_token_id=2, bos_token_id=1, pad_token_id=0,
    )  # fmt: skip


@pytest.fixture(scope="session")
def language(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A language model as a folder of transformers."""
    folder = tmp_path_factory.mktemp("language")
    torch.manual_seed(0)
    tokenizer = tokenizer_of()
    LlamaForCausalLM(small_llama(len(tokenizer))).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def speaker(language: Path) -> Speaker:
    return load_speaker(str(language), "")


@pytest.fixture(scope="session")
def eye() -> Eye:
    torch.manual_seed(1)
    return Eye().eval()


@pytest.fixture(scope="session")
def some(eye: Eye) -> Album:
    return album(eye, "train", 24)


@pytest.fixture(scope="session")
def ours(
    tmp_path_factory: pytest.TempPathFactory, eye: Eye, language: Path, speaker: Speaker
) -> Path:
    """An untrained checkpoint of ours."""
    folder = tmp_path_factory.mktemp("ours") / "checkpoint"
    torch.manual_seed(2)
    connector = Connector(WIDTH, speaker.size())
    save(folder, Bridge(eye, connector), str(language), "")
    return folder


@pytest.fixture
def model(ours: Path) -> Multimodal:
    made = Multimodal(MultimodalOptions(weights=str(ours)))
    made.load("cpu")
    return made


@pytest.fixture(scope="session")
def llava(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small ``LlavaForConditionalGeneration``, saved as published ones are."""
    folder = tmp_path_factory.mktemp("llava")
    torch.manual_seed(3)
    tokenizer = tokenizer_of()
    seeing = CLIPVisionConfig(hidden_size=16, intermediate_size=24, num_hidden_layers=2,
                              num_attention_heads=2, image_size=28, patch_size=14)  # fmt: skip
    config = LlavaConfig(
        vision_config=seeing, text_config=small_llama(len(tokenizer)), image_token_id=3,
        vision_feature_layer=-1,
    )  # fmt: skip
    LlavaForConditionalGeneration(config).save_pretrained(folder)
    pictures = CLIPImageProcessorPil(size={"shortest_edge": 28},
                                     crop_size={"height": 28, "width": 28})  # fmt: skip
    LlavaProcessor(
        pictures, tokenizer, patch_size=14, vision_feature_select_strategy="default",
        chat_template=CHAT, image_token="<image>", num_additional_image_tokens=1,
    ).save_pretrained(folder)  # fmt: skip
    return folder
