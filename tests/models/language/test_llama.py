from __future__ import annotations

import gc
import itertools
import os
import threading
import time
from pathlib import Path

import pytest

from sensorium.errors import BadInput, ModelError, ModelUnavailable
from sensorium_models.language.llama import LlamaModel, LlamaOptions

SYSTEM = {"role": "system", "content": "You are a helpful assistant."}
FRANCE = [SYSTEM, {"role": "user", "content": "What is the capital of France?"}]
STORY = [SYSTEM, {"role": "user", "content": "Write a long story about a dragon."}]


def resident_mb() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") // 2**20


@pytest.mark.models
def test_it_answers_token_by_token(small_lm: LlamaModel) -> None:
    parts = [p["text"] for p in small_lm.stream({"messages": FRANCE, "max_tokens": 20})]
    assert len(parts) > 4
    assert "Paris" in "".join(parts)


@pytest.mark.models
def test_infer_joins_the_stream_and_a_seed_repeats_a_draw(small_lm: LlamaModel) -> None:
    request = {"messages": STORY, "max_tokens": 12, "temperature": 0.9, "seed": 7}
    one, two, other = small_lm.infer([request, request, {**request, "seed": 8}])
    assert one == two
    assert one != other


@pytest.mark.models
def test_a_stop_string_ends_the_answer(small_lm: LlamaModel) -> None:
    request = {"messages": FRANCE, "max_tokens": 20, "stop": [" of"]}
    assert small_lm.infer([request]) == [{"text": "The capital"}]


@pytest.mark.models
def test_an_answer_already_begun_is_continued(small_lm: LlamaModel) -> None:
    begun = {"role": "assistant", "content": "The capital of France"}
    assert small_lm.infer([{"messages": [*FRANCE, begun], "max_tokens": 3}])[0]["text"].startswith(
        " is Paris"
    )


@pytest.mark.models
def test_closing_the_stream_stops_llama_and_frees_its_slot(small_lm: LlamaModel) -> None:
    stream = small_lm.stream({"messages": STORY, "max_tokens": 600})
    assert len(list(itertools.islice(stream, 3))) == 3
    begun = time.perf_counter()
    stream.close()
    assert not [t for t in threading.enumerate() if t.name == "llama"]
    assert "Paris" in small_lm.infer([{"messages": FRANCE, "max_tokens": 8}])[0]["text"]
    # The story would have taken ten seconds and more, on the only slot there is.
    assert time.perf_counter() - begun < 5


@pytest.mark.models
def test_a_prompt_beyond_the_context_says_what_to_do(small_lm: LlamaModel) -> None:
    with pytest.raises(BadInput, match=r"too long.*history"):
        small_lm.infer([{"messages": [{"role": "user", "content": "cat " * 3000}]}])
    assert small_lm.infer([{"messages": FRANCE, "max_tokens": 2}])[0]["text"]


@pytest.mark.models
def test_it_is_silent_and_gives_its_memory_back(capfd: pytest.CaptureFixture[str]) -> None:
    model = LlamaModel()
    before = resident_mb()
    model.load("cpu")
    model.infer([{"messages": FRANCE, "max_tokens": 2}])
    held = resident_mb()
    model.unload()
    gc.collect()
    assert held - before > 60
    assert resident_mb() - before < 0.5 * (held - before)
    assert capfd.readouterr() == ("", "")
    with pytest.raises(ModelError, match="load"):
        model.infer([{"messages": FRANCE}])


@pytest.mark.models
def test_it_leaves_no_port_and_no_socket_to_connect_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path)[:60])
    Path(str(tmp_path)[:60]).mkdir(exist_ok=True)
    model = LlamaModel()
    model.load("cpu")
    assert model._server.listening_address.startswith("unix://")
    assert not Path(model._server.listening_address.removeprefix("unix://")).exists()
    assert model.infer([{"messages": FRANCE, "max_tokens": 2}])[0]["text"]
    model.unload()


@pytest.mark.models
def test_a_bad_request_is_refused_before_the_model_sees_it(small_lm: LlamaModel) -> None:
    with pytest.raises(BadInput, match="messages"):
        small_lm.infer([{"messages": []}])


@pytest.mark.models
def test_a_device_the_build_does_not_have_is_named() -> None:
    with pytest.raises(ModelError, match="cuda:7"):
        LlamaModel().load("cuda:7")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    pytest.importorskip("xllamacpp")
    with pytest.raises(ModelUnavailable, match=r"none\.gguf"):
        LlamaModel(LlamaOptions(path=tmp_path / "none.gguf")).load("cpu")


def test_a_file_that_is_no_gguf_is_refused(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("xllamacpp")
    path = tmp_path / "bad.gguf"
    path.write_bytes(b"this is not a model")
    with pytest.raises(ModelError, match=r"bad\.gguf"):
        LlamaModel(LlamaOptions(path=path)).load("cpu")
    assert capfd.readouterr() == ("", "")
