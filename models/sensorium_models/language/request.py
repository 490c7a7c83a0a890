"""The one request every language backend takes, checked in one place.

``{"messages": [{"role", "content"}], "max_tokens": int, "temperature": float, "seed": int,
"stop": [str], "choices": [str]}``; only ``messages`` is required. With ``choices`` the answer is
exactly one of them. A last message whose role is ``assistant`` is the beginning of the answer: a
backend that can continue it yields only what follows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sensorium.errors import BadInput

ROLES = ("system", "user", "assistant")
DEFAULT_MAX_TOKENS = 128


@dataclass(frozen=True, slots=True)
class ChatRequest:
    """A checked request. ``temperature`` 0 is greedy; ``seed`` fixes what sampling draws."""

    messages: tuple[dict[str, str], ...]
    max_tokens: int = DEFAULT_MAX_TOKENS
    temperature: float = 0.0
    seed: int = 0
    stop: tuple[str, ...] = ()
    choices: tuple[str, ...] = ()

    @property
    def continues(self) -> bool:
        """Whether the last message is the beginning of the answer."""
        return self.messages[-1]["role"] == "assistant"


def parse_request(request: Mapping[str, Any]) -> ChatRequest:
    """Check ``request`` and fill in defaults.

    Raises :class:`~sensorium.errors.BadInput` naming the key at fault.
    """
    known = {"messages", "max_tokens", "temperature", "seed", "stop", "choices"}
    unknown = sorted(set(request) - known)
    if unknown:
        raise BadInput(f"chat request: unknown keys {unknown}; there are {sorted(known)}")
    return ChatRequest(
        messages=_messages(request.get("messages")),
        max_tokens=_integer(request, "max_tokens", DEFAULT_MAX_TOKENS, least=1),
        temperature=_temperature(request.get("temperature", 0.0)),
        seed=_integer(request, "seed", 0, least=0),
        stop=_stop(request.get("stop") or ()),
        choices=_choices(request.get("choices") or ()),
    )


def _messages(value: Any) -> tuple[dict[str, str], ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or not value:
        raise BadInput("chat request: 'messages' must be a list with at least one message")
    return tuple(_message(i, item) for i, item in enumerate(value))


def _message(index: int, item: Any) -> dict[str, str]:
    where = f"chat request: messages[{index}]"
    if not isinstance(item, Mapping):
        raise BadInput(f"{where} must be a dict with 'role' and 'content'")
    role, content = item.get("role"), item.get("content")
    if role not in ROLES:
        raise BadInput(f"{where}: role {role!r} is not one of {', '.join(ROLES)}")
    if not isinstance(content, str):
        raise BadInput(f"{where}: 'content' must be a string, not {type(content).__name__}")
    return {"role": role, "content": content}


def _integer(request: Mapping[str, Any], key: str, default: int, *, least: int) -> int:
    value = request.get(key, default)
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise BadInput(f"chat request: {key!r} must be an integer of at least {least}: {value!r}")
    return value


def _temperature(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= 2:
        raise BadInput(f"chat request: 'temperature' must be between 0 and 2: {value!r}")
    return float(value)


def _stop(value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not all(isinstance(item, str) and item for item in value):
        raise BadInput("chat request: 'stop' must be a list of non-empty strings")
    return tuple(value)


def _choices(value: Any) -> tuple[str, ...]:
    texts = ("",) if isinstance(value, str) else tuple(value)
    if len(texts) != len(set(texts)) or not all(isinstance(t, str) and t.strip() for t in texts):
        raise BadInput("chat request: 'choices' must be a list of different, non-empty strings")
    return texts


class StopFilter:
    """Cuts a stream of text at the first of ``stop``, however the text arrives in pieces.

    What could be the beginning of a stop string is held back until it is clear.
    """

    def __init__(self, stop: Sequence[str]) -> None:
        self._stop = tuple(stop)
        self._held = ""
        self.hit = False

    def feed(self, text: str) -> str:
        """Take ``text``; return what may be passed on. After ``hit`` that is nothing."""
        if self.hit:
            return ""
        self._held += text
        found = [at for s in self._stop if (at := self._held.find(s)) >= 0]
        if found:
            self.hit = True
            out, self._held = self._held[: min(found)], ""
            return out
        keep = max((self._overlap(s) for s in self._stop), default=0)
        cut = len(self._held) - keep
        out, self._held = self._held[:cut], self._held[cut:]
        return out

    def rest(self) -> str:
        """What was held back and turned out to be plain text, at the end of the stream."""
        out, self._held = self._held, ""
        return out

    def _overlap(self, stop: str) -> int:
        longest = min(len(stop) - 1, len(self._held))
        return next((n for n in range(longest, 0, -1) if self._held.endswith(stop[:n])), 0)
