"""Any server that speaks OpenAI's chat completions: llama.cpp, vLLM, Ollama, or a paid one.

Nothing is sent anywhere unless ``base_url`` names where: neither the client's default address
nor OPENAI_BASE_URL is used.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import Field

from sensorium.errors import MissingDependency, ModelError
from sensorium.workers.model import Model, ModelOptions

from .choices import read_choice, schema_of
from .request import ChatRequest, parse_request

NAME = "openai"


class OpenAIOptions(ModelOptions):
    """Where the server is and what it is called there."""

    base_url: str = ""
    """For example ``http://127.0.0.1:8080/v1``. Empty: the backend refuses to load."""
    model: str = ""
    api_key_env: str = ""
    """Name of the environment variable that holds the key; empty for a server without one."""
    timeout_s: float = Field(default=30.0, gt=0)
    """Longest wait for the connection and between two parts of an answer, in seconds."""


class OpenAIModel(Model[Mapping[str, Any], dict[str, str]]):
    """A remote chat model; requests as in :mod:`.request`, parts ``{"text": delta}``.

    Whether an answer already begun (a last message of the assistant) is continued is up to the
    server.
    """

    Options = OpenAIOptions

    def __init__(self, options: OpenAIOptions | None = None) -> None:
        super().__init__(options)
        self._client: Any = None
        self._takes_schemas = True

    def load(self, device: str) -> None:
        """Make the client; nothing is sent yet. ``device`` is the server's business.

        Raises ``ModelError`` (no base_url, no model, no such key variable) and
        ``MissingDependency`` (no openai client).
        """
        options = self.options
        if not options.base_url:
            raise ModelError(NAME, "no base_url is set, so nothing is sent: name a server")
        if not options.model:
            raise ModelError(NAME, "no model is set: name one that the server offers")
        try:
            import openai
        except ImportError as error:
            raise MissingDependency(
                "the openai backend", "openai", "pip install 'sensorium[language]'"
            ) from error
        self.unload()
        self._client = openai.OpenAI(
            base_url=options.base_url,
            api_key=self._key(),
            timeout=options.timeout_s,
            max_retries=0,  # a retry is the supervisor's decision
        )

    def _key(self) -> str:
        name = self.options.api_key_env
        if not name:
            return "none"
        key = os.environ.get(name, "")
        if not key:
            raise ModelError(NAME, f"the environment variable {name} is empty: put the key there")
        return key

    def infer(self, batch: Sequence[Mapping[str, Any]]) -> Sequence[dict[str, str]]:
        """Answer each request with its whole stream joined: ``{"text": answer}``."""
        return [{"text": "".join(part["text"] for part in self.stream(r))} for r in batch]

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """Yield ``{"text": delta}``; closing hangs up, at which a server stops generating.

        Raises ``BadInput`` (bad request) and ``ModelError``: connection refused, key refused,
        no such model or path, time-out, or what else the server answered.
        """
        chat = parse_request(request)
        if self._client is None:
            raise ModelError(NAME, "not loaded: call load(device) first")
        if chat.choices:
            yield {"text": self._choose(chat)}
            return
        with self._named_errors():
            chunks = self._client.chat.completions.create(**_arguments(chat, self.options.model))
        try:
            with self._named_errors():
                for chunk in chunks:
                    text = chunk.choices[0].delta.content if chunk.choices else ""
                    if text:
                        yield {"text": text}
        finally:
            chunks.close()

    def _choose(self, chat: ChatRequest) -> str:
        """One of the choices, as the server gives it: by a JSON schema, and by the messages alone
        where the server refuses schemas. What it gives is for the caller to check then."""
        import openai

        arguments = _arguments(chat, self.options.model) | {"stream": False}
        with self._named_errors():
            if self._takes_schemas:
                try:
                    answer = self._client.chat.completions.create(
                        **arguments, response_format=schema_of(chat.choices)
                    )
                    return read_choice(answer.choices[0].message.content or "")
                except (openai.BadRequestError, openai.UnprocessableEntityError):
                    self._takes_schemas = False
            answer = self._client.chat.completions.create(**arguments)
        return read_choice(answer.choices[0].message.content or "")

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        import openai

        timeouts: tuple[type[Exception], ...] = (
            openai.APITimeoutError,
            *_transport_errors("TimeoutException"),
        )
        breaks: tuple[type[Exception], ...] = (
            openai.APIConnectionError,
            *_transport_errors("TransportError"),
        )
        where = self.options.base_url
        try:
            yield
        except timeouts as error:
            wait = self.options.timeout_s
            raise ModelError(NAME, f"{where} sent nothing for {wait:g} s") from error
        except breaks as error:
            cause = error.__cause__ or error
            raise ModelError(NAME, f"cannot talk to {where} ({cause}): is it running?") from error
        except (openai.AuthenticationError, openai.PermissionDeniedError) as error:
            remedy = f"check {self.options.api_key_env or 'the option api_key_env'}"
            raise ModelError(NAME, f"{where} refused the key: {remedy}") from error
        except openai.NotFoundError as error:
            model = self.options.model
            raise ModelError(
                NAME, f"{where} has no such path or no model {model!r} (404): {error}"
            ) from error
        except openai.APIError as error:
            raise ModelError(NAME, f"{where} answered: {error}") from error

    def unload(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None


def _transport_errors(kind: str) -> tuple[type[Exception], ...]:
    """The class ``kind`` of the client's HTTP library, whose errors it does not wrap while an
    answer streams. The library is ``httpx``, or its successor in newer clients.
    """
    names = ("httpx2", "httpx")
    return tuple(getattr(sys.modules[name], kind) for name in names if name in sys.modules)


def _arguments(chat: ChatRequest, model: str) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": model,
        "messages": list(chat.messages),
        "max_tokens": chat.max_tokens,
        "temperature": chat.temperature,
        "seed": chat.seed,
        "stream": True,
    }
    if chat.stop:  # some servers refuse an empty list
        arguments["stop"] = list(chat.stop)
    return arguments
