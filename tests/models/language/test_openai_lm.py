from __future__ import annotations

import itertools
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from sensorium.errors import ModelError
from sensorium_models.language.openai_lm import OpenAIModel, OpenAIOptions
from sensorium_models.store import ModelStore

FRANCE = [
    {"role": "system", "content": "You are a helpful assistant."},
    {"role": "user", "content": "What is the capital of France?"},
]
KEY = "a-key-of-the-test"


@contextmanager
def loaded(base_url: str, **options: Any) -> Iterator[OpenAIModel]:
    model = OpenAIModel(OpenAIOptions(base_url=base_url, **{"model": "small", **options}))
    model.load("cpu")
    try:
        yield model
    finally:
        model.unload()


@pytest.fixture(scope="module")
def llama_server() -> Iterator[str]:
    """llama.cpp's own HTTP server on loopback, with one slot and a key."""
    xllamacpp = pytest.importorskip("xllamacpp")
    params = xllamacpp.CommonParams()
    params.verbosity = -1
    params.model.path = str(
        ModelStore().path("smollm2-135m-instruct", "SmolLM2-135M-Instruct.Q4_1.gguf")
    )
    params.n_ctx, params.n_parallel, params.warmup, params.cache_ram_mib = 1024, 1, False, 0
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
    params.api_keys = [KEY]
    server = xllamacpp.Server(params)
    yield f"{server.listening_address}/v1"
    del server


@pytest.fixture
def key(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("TEST_LM_KEY", KEY)
    return "TEST_LM_KEY"


@pytest.mark.models
def test_a_real_server_answers_in_parts(llama_server: str, key: str) -> None:
    with loaded(llama_server, api_key_env=key) as model:
        parts = [p["text"] for p in model.stream({"messages": FRANCE, "max_tokens": 20})]
        assert len(parts) > 4
        assert "Paris" in "".join(parts)
        stopped = model.infer([{"messages": FRANCE, "max_tokens": 20, "stop": [" of"]}])
        assert stopped == [{"text": "The capital"}]


@pytest.mark.models
def test_closing_the_stream_stops_the_server(llama_server: str, key: str) -> None:
    story = [{"role": "user", "content": "Write a long story about a dragon."}]
    with loaded(llama_server, api_key_env=key) as model:
        stream = model.stream({"messages": story, "max_tokens": 600})
        assert len(list(itertools.islice(stream, 2))) == 2
        begun = time.perf_counter()
        stream.close()
        model.infer([{"messages": FRANCE, "max_tokens": 2}])
        # The server has one slot: it answers only once the story is off it.
        assert time.perf_counter() - begun < 5


@pytest.mark.models
def test_a_refused_key_and_an_unknown_path_are_told_apart(
    llama_server: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WRONG_KEY", "no")
    with (
        loaded(llama_server, api_key_env="WRONG_KEY") as model,
        pytest.raises(ModelError, match="WRONG_KEY"),
    ):
        model.infer([{"messages": FRANCE}])
    with (
        loaded(llama_server.replace("/v1", "/nowhere"), api_key_env=key) as model,
        pytest.raises(ModelError, match="404"),
    ):
        model.infer([{"messages": FRANCE}])


@pytest.mark.models
def test_a_real_server_is_held_to_the_choices(llama_server: str, key: str) -> None:
    choices = ["turn left", "turn right", "go forward"]
    with loaded(llama_server, api_key_env=key) as model:
        for seed in range(3):
            request = {"messages": FRANCE, "choices": choices, "temperature": 1.5, "seed": seed}
            assert model.infer([request])[0]["text"] in choices
        assert model._takes_schemas


class Scripted(BaseHTTPRequestHandler):
    """A server whose misbehaviour is chosen by the request's path."""

    protocol_version = "HTTP/1.1"
    release = threading.Event()
    seen: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Scripted.seen.append({**body, "key": self.headers["Authorization"]})
        case = self.path.split("/")[1]
        self.close_connection = True
        if case == "silent":
            Scripted.release.wait(10)
        elif case == "error":
            self._head(500, "application/json")
            self.wfile.write(b'{"error": {"message": "out of memory"}}')
        else:
            self._head(200, "text/event-stream")
            self._say("Hel")
            if case == "broken":
                return  # hang up in the middle of the body
            if case == "stalls":
                Scripted.release.wait(10)
                return
            self._say("lo")
            self._chunk(b"data: [DONE]\n\n")
            self._chunk(b"")

    def _head(self, status: int, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if status == 200:
            self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()

    def _say(self, text: str) -> None:
        delta = {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}
        head = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "small"}
        self._chunk(f"data: {json.dumps({**head, **delta})}\n\n".encode())

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def scripted() -> Iterator[str]:
    Scripted.release.clear()
    Scripted.seen.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Scripted)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    Scripted.release.set()
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_request_says_what_was_asked_for(scripted: str) -> None:
    with loaded(f"{scripted}/fine") as model:
        request = {"messages": FRANCE, "max_tokens": 9, "temperature": 0.5, "seed": 3}
        assert model.infer([request]) == [{"text": "Hello"}]
    sent = Scripted.seen[0]
    assert {name: sent[name] for name in request} == request
    assert (sent["model"], sent["stream"], "stop" in sent) == ("small", True, False)


@pytest.mark.parametrize(
    ("case", "said"),
    [
        ("silent", "sent nothing for 0.2 s"),
        ("stalls", "sent nothing for 0.2 s"),
        ("broken", "cannot talk to"),
        ("error", "out of memory"),
    ],
)
def test_a_server_that_fails_is_named_with_its_failure(scripted: str, case: str, said: str) -> None:
    with (
        loaded(f"{scripted}/{case}", timeout_s=0.2) as model,
        pytest.raises(ModelError, match=said) as caught,
    ):
        model.infer([{"messages": FRANCE}])
    assert scripted in str(caught.value)
    assert len(Scripted.seen) == 1  # no retry of its own


def test_a_refused_connection_asks_whether_the_server_runs() -> None:
    with loaded("http://127.0.0.1:9/v1") as model, pytest.raises(ModelError, match="running"):
        model.infer([{"messages": FRANCE}])


def test_nothing_is_sent_without_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    model = OpenAIModel(OpenAIOptions(model="small"))
    with pytest.raises(ModelError, match="base_url"):
        model.load("cpu")
    with pytest.raises(ModelError, match="load"):
        model.infer([{"messages": FRANCE}])


def test_a_model_and_a_key_that_are_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with (
        pytest.raises(ModelError, match="NO_SUCH_KEY"),
        loaded("http://x/v1", api_key_env="NO_SUCH_KEY"),
    ):
        pass
    with pytest.raises(ModelError, match="no model"), loaded("http://x/v1", model=""):
        pass


def test_only_the_named_key_is_sent(scripted: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "somebody-elses")
    with loaded(f"{scripted}/fine") as model:
        model.infer([{"messages": FRANCE}])
    assert "somebody-elses" not in str(Scripted.seen[0]["key"])
