"""GGUF checkpoints in process, by llama.cpp (the ``xllamacpp`` wheel).

llama.cpp decodes on its own thread; a callback hands every token over and says, by its return
value, whether to go on. That is how closing the stream stops the work at its source: within one
token while it writes, within one batch (``PROMPT_BATCH`` tokens) while it still reads the prompt.

The library always opens its HTTP listener. Here it is a Unix socket whose name is removed as soon
as the model is loaded, so nobody can reach it. Where there are no Unix sockets it is a loopback
port behind a key that nobody is told.
"""

from __future__ import annotations

import queue
import secrets
import socket
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field

from sensorium.errors import BadInput, MissingDependency, ModelError, ModelUnavailable
from sensorium.workers.model import Model, ModelOptions

from .choices import grammar_of
from .request import ChatRequest, parse_request

NAME = "llama"
PROMPT_BATCH = 64  # tokens read between two looks at the cancel flag: about 0.4 s on one core
SOCKET_NAME_CHARS = 96  # a Unix socket's name is limited to about 104 bytes
SILENT = -1  # llama.cpp's log level at which nothing reaches stdout or stderr
CONTEXT_ERROR = "exceed_context_size_error"


class LlamaOptions(ModelOptions):
    """Which GGUF, and how much of the machine it may use."""

    path: Path | None = None
    """A GGUF file; without one, ``entry`` and ``file`` are looked up in the model store."""
    entry: str = "smollm2-135m-instruct"
    file: str = "SmolLM2-135M-Instruct.Q4_1.gguf"
    threads: int = Field(default=1, ge=1)
    """Two threads collapse on a busy two-core machine; raise it where cores are free."""
    context: int = Field(default=2048, ge=256)
    """Tokens of prompt and answer together."""


class LlamaModel(Model[Mapping[str, Any], dict[str, str]]):
    """One GGUF chat model; requests as in :mod:`.request`, parts ``{"text": delta}``."""

    Options = LlamaOptions

    def __init__(self, options: LlamaOptions | None = None) -> None:
        super().__init__(options)
        self._server: Any = None

    @classmethod
    def weights(cls, options: Any) -> dict[str, str]:
        """The sha256 of its files."""
        from sensorium_models.store.fingerprint import weights_of

        if options.path is not None:
            return weights_of(options.path)
        return weights_of(options.entry, options.file)

    def load(self, device: str) -> None:
        """Map the weights. ``device``: ``cpu``, or a GPU that this build of llama.cpp has.

        Raises ``ModelUnavailable`` (no such file), ``MissingDependency`` (no xllamacpp) and
        ``ModelError`` (not a GGUF that llama.cpp can run, or no such device).
        """
        try:
            import xllamacpp
        except ImportError as error:
            raise MissingDependency(
                "the llama backend", "xllamacpp", "pip install 'sensorium[language]'"
            ) from error
        path = self._locate()
        self.unload()
        params = self._params(xllamacpp, path, device)
        with tempfile.TemporaryDirectory(prefix="llama-") as folder:
            name = Path(folder) / "s"
            if hasattr(socket, "AF_UNIX") and len(str(name)) < SOCKET_NAME_CHARS:
                params.hostnames = [f"{name}.sock"]
            try:
                self._server = xllamacpp.Server(params)
            except RuntimeError as error:
                raise ModelError(NAME, f"llama.cpp cannot load {path}: {error}") from error

    def warm_up(self) -> None:
        """Generate one token: llama.cpp sets itself up, and its pages come into memory."""
        self.infer([{"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 1}])

    def _locate(self) -> Path:
        path: Path | None = self.options.path
        if path is None:
            from sensorium_models.store import ModelStore

            path = ModelStore().path(self.options.entry, self.options.file)
        if not path.is_file():
            raise ModelUnavailable(NAME, f"no such file: {path}")
        return path

    def _params(self, xllamacpp: Any, path: Path, device: str) -> Any:
        params = xllamacpp.CommonParams()
        params.verbosity = SILENT
        params.model.path = str(path)
        params.n_ctx = self.options.context
        params.n_parallel = 1
        params.n_batch = params.n_ubatch = PROMPT_BATCH
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = self.options.threads
        params.cache_ram_mib = 0  # the slot's own prefix cache is enough for one conversation
        params.warmup = False
        params.n_gpu_layers = _gpu_layers(xllamacpp, device)
        params.ui = params.endpoint_slots = False
        params.n_threads_http = 1
        params.api_keys = [secrets.token_hex(16)]
        return params

    def infer(self, batch: Sequence[Mapping[str, Any]]) -> Sequence[dict[str, str]]:
        """Answer each request with its whole stream joined: ``{"text": answer}``."""
        return [{"text": "".join(part["text"] for part in self.stream(r))} for r in batch]

    def stream(self, request: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        """Yield ``{"text": delta}`` as tokens come. Closing stops llama.cpp and frees its slot.

        Raises ``BadInput`` (bad request, prompt too long) and ``ModelError`` (not loaded).
        """
        chat = parse_request(request)
        if self._server is None:
            raise ModelError(NAME, "not loaded: call load(device) first")
        generation = _Generation(self._server, _body(chat))
        try:
            for chunk in generation:
                text = self._text(chunk)
                if text:
                    yield {"text": text}
        finally:
            generation.stop()

    def _text(self, chunk: dict[str, Any]) -> str:
        if "error" in chunk:
            error = chunk["error"]
            if error.get("type") == CONTEXT_ERROR:
                raise BadInput(
                    f"the question is too long for {NAME}: {error.get('message', error)} "
                    "(shorten it or the history, or raise the option 'context')"
                )
            raise ModelError(NAME, f"{error.get('message', error)}")
        choices = chunk.get("choices") or [{}]
        return choices[0].get("delta", {}).get("content") or ""

    def unload(self) -> None:
        """Free the weights and the key-value cache now."""
        self._server = None  # the last reference: llama.cpp frees everything in its destructor


class _Generation:
    """One running request: llama.cpp on a thread of its own, its chunks in a queue."""

    def __init__(self, server: Any, body: dict[str, Any]) -> None:
        self._chunks: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(server, body), name="llama")
        self._thread.start()

    def _run(self, server: Any, body: dict[str, Any]) -> None:
        try:
            server.handle_chat_completions(body, self._on_chunk)
        except (RuntimeError, ValueError) as error:
            self._chunks.put({"error": {"message": str(error)}})
        finally:
            self._chunks.put(None)

    def _on_chunk(self, chunk: Any) -> bool:
        self._chunks.put(chunk)
        return self._stopped.is_set()  # True ends the request inside llama.cpp

    def __iter__(self) -> Iterator[dict[str, Any]]:
        while (chunk := self._chunks.get()) is not None:
            yield chunk

    def stop(self) -> None:
        """Stop the request and wait until its slot is free (at most one batch)."""
        self._stopped.set()
        self._thread.join()


def _body(chat: ChatRequest) -> dict[str, Any]:
    constrained = {"grammar": grammar_of(chat.choices)} if chat.choices else {}
    return {
        **constrained,
        "messages": list(chat.messages),
        "max_tokens": chat.max_tokens,
        "temperature": chat.temperature,
        "seed": chat.seed,
        "stop": list(chat.stop),
        "stream": True,
        "cache_prompt": True,
        # Progress chunks are the only callback during the prompt, so the only place to cancel it.
        "return_progress": True,
    }


def _gpu_layers(xllamacpp: Any, device: str) -> int:
    if device == "cpu":
        return 0
    kinds = {str(info.get("type", "")) for info in xllamacpp.get_device_info()}
    if not any("GPU" in kind for kind in kinds):
        raise ModelError(NAME, f"this build of llama.cpp has no device for {device!r}: use 'cpu'")
    return -1  # every layer
