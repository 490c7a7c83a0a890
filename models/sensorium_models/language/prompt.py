"""The messages a language model gets: who it is, what was said, what is perceived, the question.

The order serves speed. The system message and the history come first and stay as they were, so a
backend that keeps its prefix (llama.cpp does) reads only the new lines; the facts change with
every question and stand in the last message, next to it, where a small model looks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .facts import Fact, describe

SYSTEM = "You are Sensorium, a helpful voice assistant. Answer in one short sentence."
HISTORY_CHARS = 2000


def size(messages: Sequence[Mapping[str, str]]) -> int:
    """Characters of ``messages`` together."""
    return sum(len(message["content"]) for message in messages)


def trim(history: Sequence[Mapping[str, str]], max_chars: int) -> list[dict[str, str]]:
    """The latest messages of ``history`` that fit ``max_chars``, starting with a user's."""
    kept: list[dict[str, str]] = []
    room = max_chars
    for message in reversed(history):
        room -= len(message["content"])
        if room < 0:
            break
        kept.append({"role": message["role"], "content": message["content"]})
    kept.reverse()
    first = next((i for i, m in enumerate(kept) if m["role"] == "user"), len(kept))
    return kept[first:]


def build(
    question: str,
    facts: Sequence[Fact] | None,
    history: Sequence[Mapping[str, str]] = (),
    *,
    system: str = SYSTEM,
    history_chars: int = HISTORY_CHARS,
    opening: str = "",
) -> list[dict[str, str]]:
    """System, trimmed history, then the question after its facts (``None``: no facts block).

    ``opening`` is the beginning of the answer, where that was made already.
    """
    asked = question.strip()
    if facts is not None:
        asked = f"{describe(facts)}\nQuestion: {asked}"
    return [
        *([{"role": "system", "content": system}] if system else []),
        *trim(history, history_chars),
        {"role": "user", "content": asked},
        *([{"role": "assistant", "content": opening}] if opening else []),
    ]
