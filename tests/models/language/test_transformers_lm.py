from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from sensorium.errors import ModelError, ModelUnavailable
from sensorium_models.language.lexicon import word_list
from sensorium_models.language.transformers_lm import TransformersModel, TransformersOptions

ASK = [{"role": "user", "content": "the cat sat"}]
WORDS = word_list("<end> <user> <bot> the cat sat on a mat dog ran far")
TEMPLATE = (
    "{% for m in messages %}<{{ 'user' if m.role == 'user' else 'bot' }}> {{ m.content }} "
    "{% endfor %}{% if add_generation_prompt %}<bot> {% endif %}"
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real checkpoint folder: a Llama of 12 words and 2 layers, with untrained weights."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    tokenizers = pytest.importorskip("tokenizers")
    folder = tmp_path_factory.mktemp("checkpoint")
    vocabulary = {word: i for i, word in enumerate(WORDS)}
    words = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="the"))
    words.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=words, eos_token="<end>", chat_template=TEMPLATE
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=64,
        eos_token_id=0,
        bos_token_id=0,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(checkpoint: Path) -> TransformersModel:
    model = TransformersModel(TransformersOptions(checkpoint=str(checkpoint), threads=1))
    model.load("cpu")
    return model


def answer(model: TransformersModel, **request: Any) -> str:
    return str(model.infer([{"messages": ASK, "max_tokens": 10, **request}])[0]["text"])


def test_it_says_what_the_library_itself_generates(
    model: TransformersModel, checkpoint: Path
) -> None:
    import torch
    import transformers

    tokenizer = transformers.AutoTokenizer.from_pretrained(checkpoint)
    net = transformers.AutoModelForCausalLM.from_pretrained(checkpoint)
    ids = tokenizer.apply_chat_template(
        ASK, add_generation_prompt=True, return_tensors="pt", return_dict=True
    )["input_ids"]
    with torch.inference_mode():
        out = net.generate(ids, max_new_tokens=10, do_sample=False, pad_token_id=0)
    expected = tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True)
    assert answer(model) == expected
    assert expected


def test_parts_come_a_token_at_a_time(model: TransformersModel) -> None:
    parts = [p["text"] for p in model.stream({"messages": ASK, "max_tokens": 6})]
    assert len(parts) > 1
    assert "".join(parts) == answer(model, max_tokens=6)


def test_closing_the_stream_stops_the_forward_passes(
    model: TransformersModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[int] = []
    forward = model._model.forward
    monkeypatch.setattr(
        model._model, "forward", lambda *a, **k: (passes.append(1), forward(*a, **k))[1]
    )
    stream = model.stream({"messages": ASK, "max_tokens": 40})
    assert len(list(itertools.islice(stream, 2))) == 2
    stream.close()
    assert 2 <= len(passes) < 8


def test_a_seed_repeats_a_draw_and_leaves_the_global_generator_alone(
    model: TransformersModel,
) -> None:
    import torch

    before = torch.random.get_rng_state()
    draws = [answer(model, temperature=1.5, seed=seed) for seed in (1, 1, 2, 3)]
    assert draws[0] == draws[1]
    assert len(set(draws)) > 1
    assert torch.equal(before, torch.random.get_rng_state())


def test_a_stop_string_ends_the_answer(model: TransformersModel) -> None:
    whole = answer(model)
    stop = whole.split()[2]
    assert answer(model, stop=[stop]) == whole[: whole.index(stop)]


def test_a_prompt_beyond_the_model_says_so(model: TransformersModel) -> None:
    with pytest.raises(ModelError, match="64"):
        answer(model, messages=[{"role": "user", "content": "cat " * 80}])


def test_a_missing_checkpoint_is_named(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    options = TransformersOptions(checkpoint=str(tmp_path / "none"))
    with pytest.raises(ModelUnavailable, match="none"):
        TransformersModel(options).load("cpu")


def test_it_must_be_loaded_first(checkpoint: Path) -> None:
    with pytest.raises(ModelError, match="load"):
        answer(TransformersModel(TransformersOptions(checkpoint=str(checkpoint))))


def test_choices_mask_all_else(model: TransformersModel) -> None:
    choices = ["cat sat", "cat sat on a mat", "dog"]
    said = {answer(model, choices=choices, temperature=2.0, seed=seed) for seed in range(12)}
    assert said <= set(choices)
    assert len(said) > 1
    assert answer(model, choices=["far"]) == "far"  # however unlikely
