"""Topics and topic patterns, with MQTT's wildcards (MQTT 5.0, section 4.7).

A topic is slash-separated and names one stream: ``camera/front/image``. A pattern may hold ``+``
for exactly one level and, at its end, ``#`` for any number of levels (none included). Wildcards
at the start do not match topics that begin with ``$``.
"""

from __future__ import annotations

from sensorium.errors import TopicError

MAX_LENGTH = 1024  # characters; MQTT allows 65,535 bytes, nobody reads those


def check_topic(topic: str) -> str:
    """Return ``topic`` unchanged, or raise :class:`TopicError` if it cannot name a stream."""
    _check_common(topic)
    if "+" in topic or "#" in topic:
        raise TopicError(topic, "wildcards belong in subscriptions; a published topic is exact")
    return topic


def check_pattern(pattern: str) -> str:
    """Return ``pattern`` unchanged, or raise :class:`TopicError` if it is no MQTT filter."""
    _check_common(pattern)
    levels = pattern.split("/")
    for position, level in enumerate(levels):
        if "#" in level and (level != "#" or position != len(levels) - 1):
            raise TopicError(pattern, "'#' stands alone, as the last level")
        if "+" in level and level != "+":
            raise TopicError(pattern, "'+' stands for a whole level")
    return pattern


def matches(pattern: str, topic: str) -> bool:
    """Say whether ``topic`` falls under ``pattern``. Both are taken to be well formed."""
    if pattern == topic:
        return True
    if topic.startswith("$") and pattern[0] in "+#":
        return False
    wanted = pattern.split("/")
    levels = topic.split("/")
    for position, level in enumerate(wanted):
        if level == "#":
            return True
        if position >= len(levels) or level not in ("+", levels[position]):
            return False
    return len(wanted) == len(levels)


def overlap(first: str, second: str) -> bool:
    """Say whether some topic falls under both patterns (used to check an agent's wiring)."""
    one, two = first.split("/"), second.split("/")
    if (first[0] == "$" and two[0] in "+#") or (second[0] == "$" and one[0] in "+#"):
        return False
    for a, b in zip(one, two, strict=False):
        if "#" in (a, b):
            return True
        if a != b and "+" not in (a, b):
            return False
    longer = one if len(one) > len(two) else two
    return len(one) == len(two) or longer[min(len(one), len(two))] == "#"


def _check_common(topic: str) -> None:
    if not topic:
        raise TopicError(topic, "a topic has at least one character")
    if len(topic) > MAX_LENGTH:
        raise TopicError(topic[:40] + "…", f"longer than {MAX_LENGTH} characters")
    if "\x00" in topic:
        raise TopicError(topic, "holds a NUL character")
    if not topic.isascii() and any("\ud800" <= character <= "\udfff" for character in topic):
        raise TopicError(topic, "holds half of a surrogate pair, which no wire can carry")
