"""Answers that are one of a few texts, whatever the backend."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensorium.errors import BadInput
from sensorium_models.language.choices import (
    KEY,
    TokenTrie,
    grammar_of,
    read_choice,
    schema_of,
)
from sensorium_models.language.openai_lm import OpenAIModel, OpenAIOptions
from sensorium_models.language.request import parse_request

ASKED: list[dict[str, str]] = [{"role": "user", "content": "left or right?"}]
texts = st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=6, unique=True)


@given(texts, st.randoms())
def test_whatever_way_the_trie_is_gone_a_choice_comes_out(choices: list[str], chance: Any) -> None:
    trie = TokenTrie(choices, lambda text: [ord(letter) for letter in text])
    said = ""
    while trie.allowed and not (trie.may_end and chance.random() < 0.5):
        token = chance.choice(trie.allowed)
        trie.take(token)
        said += chr(token)
    assert said in choices


@given(texts)
def test_a_schema_lists_the_choices_and_its_answer_is_read(choices: list[str]) -> None:
    schema = schema_of(choices)["json_schema"]["schema"]
    assert schema["properties"][KEY]["enum"] == choices
    assert read_choice(json.dumps({KEY: choices[-1]})) == choices[-1]
    assert read_choice(f" {choices[0]}\n") == choices[0]


def test_quotes_do_not_break_the_grammar() -> None:
    assert grammar_of(['say "hi"', "go"]) == 'root ::= "say \\"hi\\"" | "go"'


@pytest.mark.parametrize("choices", [["a", "a"], [""], "ab", [3]])
def test_choices_that_are_none_are_refused(choices: Any) -> None:
    with pytest.raises(BadInput, match="choices"):
        parse_request({"messages": ASKED, "choices": choices})


class Server(BaseHTTPRequestHandler):
    """Answers with the last choice of a schema; under /old/ it refuses schemas."""

    asked: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Server.asked.append(body)
        schema = body.get("response_format")
        if schema is not None and self.path.startswith("/old/"):
            self._say(400, {"error": {"message": "response_format is not known here"}})
            return
        said = "to the left, I think"
        if schema is not None:
            said = json.dumps({KEY: schema["json_schema"]["schema"]["properties"][KEY]["enum"][-1]})
        message = {"role": "assistant", "content": said}
        choice = {"index": 0, "finish_reason": "stop", "message": message}
        head = {"id": "x", "object": "chat.completion", "created": 0, "model": "m"}
        self._say(200, head | {"choices": [choice]})

    def _say(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        """Say nothing."""


@pytest.fixture
def server() -> Iterator[str]:
    Server.asked.clear()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=listening.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    thread.join()
    listening.server_close()


def ask(url: str, times: int = 1) -> list[str]:
    model = OpenAIModel(OpenAIOptions(base_url=url, model="m"))
    model.load("cpu")
    request = {"messages": ASKED, "choices": ["turn left", "turn right"]}
    try:
        return [model.infer([request])[0]["text"] for _ in range(times)]
    finally:
        model.unload()


def test_a_server_is_held_to_the_choices_by_a_schema(server: str) -> None:
    assert ask(f"{server}/v1") == ["turn right"]
    assert Server.asked[0]["response_format"] == schema_of(["turn left", "turn right"])


def test_a_server_that_refuses_schemas_is_asked_without_from_then_on(server: str) -> None:
    assert ask(f"{server}/old/v1", times=2) == ["to the left, I think"] * 2  # for the caller to see
    assert ["response_format" in body for body in Server.asked] == [True, False, False]


@pytest.mark.models
def test_llama_says_a_choice_or_nothing_else() -> None:
    from sensorium_models.language.llama import LlamaModel

    model = LlamaModel()
    model.load("cpu")
    choices = ["turn left", "turn right", 'say "hi"']
    try:
        for seed in range(4):
            request = {"messages": ASKED, "choices": choices, "temperature": 1.5, "seed": seed}
            assert model.infer([request])[0]["text"] in choices
    finally:
        model.unload()
