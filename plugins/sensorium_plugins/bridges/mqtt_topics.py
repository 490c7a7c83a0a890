"""Topic templates: from a topic on one side to a topic on the other.

``{topic}`` is the whole topic, ``{1}``, ``{2}`` … what the filter's wildcards matched, in order
(``#`` matches several levels), ``{name}`` the component's name.
"""

from __future__ import annotations

import re

from sensorium.errors import TopicError
from sensorium.topics import check_pattern, check_topic

_PLACE = re.compile(r"\{(\w*)\}")


def check_template(template: str, pattern: str) -> None:
    """Raise ValueError unless every place in ``template`` can be filled from ``pattern``."""
    wildcards = sum(level in ("+", "#") for level in pattern.split("/"))
    for place in _PLACE.findall(template):
        numbered = place.isdigit() and 1 <= int(place) <= wildcards
        if not numbered and place not in ("topic", "name"):
            allowed = ["{topic}", "{name}", *(f"{{{n + 1}}}" for n in range(wildcards))]
            raise ValueError(
                f"{{{place}}} in {template!r} cannot be filled from {pattern!r}; there are:"
                f" {', '.join(allowed)}"
            )
    try:
        check_pattern(template_pattern(template, pattern))
        check_topic(_PLACE.sub("x", template))
    except TopicError as error:
        raise ValueError(str(error)) from error


def fill(template: str, pattern: str, topic: str, name: str) -> str:
    """``template`` filled in for a ``topic`` that falls under ``pattern``.

    Raises :class:`TopicError` when the result cannot be published on.
    """
    found = captures(pattern, topic)

    def value(match: re.Match[str]) -> str:
        if match[1] == "topic":
            return topic
        return name if match[1] == "name" else found[int(match[1]) - 1]

    filled = check_topic(_PLACE.sub(value, template))
    if filled.startswith("$"):
        raise TopicError(filled, "topics that begin with '$' belong to the broker")
    return filled


def captures(pattern: str, topic: str) -> list[str]:
    """What each wildcard of ``pattern`` stands for in ``topic``, which falls under it."""
    levels = topic.split("/")
    found = []
    for position, wanted in enumerate(pattern.split("/")):
        if wanted == "+":
            found.append(levels[position])
        elif wanted == "#":
            found.append("/".join(levels[position:]))
    return found


def template_pattern(template: str, pattern: str) -> str:
    """A topic pattern over everything ``template`` can become; ``{name}`` stays as it is."""
    wildcards = [level for level in pattern.split("/") if level in ("+", "#")]
    levels = []
    for level in template.split("/"):
        places = [place for place in _PLACE.findall(level) if place != "name"]
        if any(place == "topic" or wildcards[int(place) - 1] == "#" for place in places):
            levels.append("#")
            break
        levels.append("+" if places else level)
    return "/".join(levels)
