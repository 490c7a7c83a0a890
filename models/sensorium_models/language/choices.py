"""Answers that are one of a few given texts: how each backend is held to them.

llama.cpp takes a grammar (GBNF), a server a JSON schema (``response_format``), and where the logits
are at hand all but the tokens that lead on to a choice are masked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any

KEY = "choice"
"""The one property of the JSON object that a server answers with."""


def grammar_of(choices: Sequence[str]) -> str:
    """A GBNF grammar of exactly these texts; JSON's quotes and escapes are GBNF's too."""
    return "root ::= " + " | ".join(json.dumps(choice) for choice in choices)


def schema_of(choices: Sequence[str]) -> dict[str, Any]:
    """OpenAI's ``response_format`` for an object whose one property is one of these."""
    schema = {
        "type": "object",
        "properties": {KEY: {"type": "string", "enum": list(choices)}},
        "required": [KEY],
        "additionalProperties": False,
    }
    return {"type": "json_schema", "json_schema": {"name": KEY, "strict": True, "schema": schema}}


def read_choice(answer: str) -> str:
    """The choice in a server's answer: the object's property, or the text where it is none."""
    try:
        found = json.loads(answer)
    except ValueError:
        return answer.strip()
    chosen = found.get(KEY) if isinstance(found, dict) else found
    return chosen if isinstance(chosen, str) else answer.strip()


class TokenTrie:
    """The tokens that lead on to one of the choices."""

    def __init__(self, choices: Iterable[str], encode: Callable[[str], list[int]]) -> None:
        self._root: dict[int | None, Any] = {}
        for choice in choices:
            node = self._root
            for token in encode(choice):
                node = node.setdefault(token, {})
            node[None] = {}  # a choice may end here
        self._at = self._root

    @property
    def allowed(self) -> list[int]:
        """The next tokens there are; none at the end."""
        return [token for token in self._at if token is not None]

    @property
    def may_end(self) -> bool:
        """Whether what was taken so far is a choice."""
        return None in self._at

    def take(self, token: int) -> None:
        """Go on by one of the allowed tokens."""
        self._at = self._at[token]
