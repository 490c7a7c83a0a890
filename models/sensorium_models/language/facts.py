"""What the percepts say: facts, their wording for a prompt, and the index that checks use."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sensorium.errors import BadInput

from .lexicon import counted, display, generals, listed, normal, singular, with_article

Kind = Literal["seen", "face", "class", "heard", "read", "answer"]

FLOOR = {"seen": 0.35, "face": 0.35, "class": 0.2, "heard": 0.0, "read": 0.3, "answer": 0.0}
"""Scores below these are not facts: the detector's false boxes lie mostly under 0.35."""
SURE = 0.6
"""From this score on a thing is stated; below it, it is "probably" there."""
NOW_S = 3.0
"""Percepts younger than this (seconds) are "now"."""
QUOTE_CHARS = 400
FACE_NAMES = {"", "face", "unknown", "a face"}
_SPOKEN = ("cat", "dog", "bird")  # said before a breed: "a cat, probably a tabby"


@dataclass(frozen=True, slots=True)
class Fact:
    """One percept. ``text`` is a label (seen, class), a name (face) or words (heard, read,
    answer: those on a page that answer a question about it; none if the page has no answer).

    ``score`` 0-1, ``age_s`` seconds since the light or sound arrived, ``count`` how many alike,
    ``source`` the sensor. Facts of kind ``class`` are alternatives for one picture.
    """

    kind: Kind
    text: str
    score: float
    age_s: float
    count: int = 1
    source: str = ""

    def __post_init__(self) -> None:
        if self.kind not in FLOOR:
            raise BadInput(f"fact kind {self.kind!r} is not one of {', '.join(FLOOR)}")
        if self.count < 1:
            raise BadInput(f"fact {self.text!r}: count must be at least 1, not {self.count}")


def usable(facts: Iterable[Fact]) -> list[Fact]:
    """The facts whose score reaches the floor of their kind and that say something."""
    kept = [f for f in facts if f.score >= FLOOR[f.kind]]
    return [f for f in kept if f.kind == "face" or normal(f.text) or f.text.strip()]


def merged(facts: Iterable[Fact], kind: Kind) -> list[Fact]:
    """The facts of ``kind``, one a label: counts add up in a source, the best source wins."""
    by_label: dict[str, list[Fact]] = defaultdict(list)
    for fact in facts:
        if fact.kind == kind:
            by_label[normal(fact.text)].append(fact)
    return [_merge(group) for group in by_label.values()]


def _merge(group: Sequence[Fact]) -> Fact:
    group = [f for f in group if f.age_s < NOW_S] or group  # an old sighting is no second cat
    per_source: dict[str, int] = defaultdict(int)
    for fact in group:
        per_source[fact.source] += fact.count
    best = max(group, key=lambda f: f.score)
    count, age = max(per_source.values()), min(f.age_s for f in group)
    return Fact(best.kind, best.text, best.score, age, count, best.source)


def phrase(fact: Fact) -> str:
    """A seen thing, a face or a class in words: "3 people", "probably a kite", "Ada"."""
    if fact.kind == "face":
        named = fact.text.strip().lower() not in FACE_NAMES
        words = fact.text.strip() if named else counted("face", fact.count)
    else:
        words = counted(display(fact.text), fact.count)
    return words if fact.score >= SURE else f"probably {words}"


def supported(things: Sequence[Fact], classes: Sequence[Fact]) -> list[Fact]:
    """``things``, each as sure as the class that says more of it: an Egyptian cat is a cat."""

    def best(thing: Fact) -> float:
        name = normal(thing.text)
        return max([thing.score, *(c.score for c in classes if name in _names(c))])

    return [replace(thing, score=best(thing)) for thing in things]


def telling(classes: Sequence[Fact], things: Sequence[Fact]) -> list[Fact]:
    """The classes worth a word: beside ``things`` an unsure one counts only if it names one."""
    names = {normal(f.text) for f in things if f.kind == "seen"}
    return [c for c in classes if not things or c.score >= SURE or names & set(_names(c))]


def impression(top: Fact, things: Sequence[Fact] = ()) -> str:
    """What the picture shows as a whole, in a sentence; "" when ``things`` have said it."""
    name, more = normal(top.text), generals(normal(top.text))
    kin = [f for f in things if normal(f.text) in (name, *more)]
    if any(normal(f.text) == name or f.count > 1 for f in kin):
        return ""
    spoken = next((g for g in _SPOKEN if g in more), "")
    if spoken and not kin:
        return f"It looks like {with_article(spoken)}, {phrase(top)}."
    what = f"The {display(kin[0].text)}" if kin and len(things) > 1 else "It"
    verb = "looks like" if top.score >= SURE else "could be"
    return f"{what} {verb} {with_article(display(top.text))}."


def quote(facts: Iterable[Fact], kind: Kind) -> str:
    """The words heard or read, in order, as one line; cut at a word after ``QUOTE_CHARS``."""
    text = " ".join(" ".join(f.text.split()) for f in facts if f.kind == kind)
    if len(text) <= QUOTE_CHARS:
        return text
    return text[:QUOTE_CHARS].rsplit(" ", 1)[0] + " ..."


def page_answer(facts: Iterable[Fact]) -> str | None:
    """The words on a page in view that answer; "" if it holds no answer, None if there is none."""
    found = [f for f in facts if f.kind == "answer"]
    best = max(found, key=lambda f: (bool(f.text), f.score), default=None)
    return None if best is None else best.text


def age(seconds: float) -> str:
    """ "now" or "4 s ago"."""
    return "now" if seconds < NOW_S else f"{round(seconds)} s ago"


def describe(facts: Sequence[Fact]) -> str:
    """The facts as a short block for a prompt, one line a sense and age, newest first."""
    good = usable(facts)
    lines = []
    for when, group in _by_age(f for f in good if f.kind in ("seen", "face", "class")):
        verb, since = ("sees", "") if when == "now" else ("saw", f" {when}")
        lines.append(_sight(group, verb, since))
    if not lines:
        lines.append("The camera sees nothing.")
    lines += [
        f'The text {"in view" if when == "now" else when} says: "{quote(group, "read")}"'
        for when, group in _by_age(f for f in good if f.kind == "read")
    ]
    lines += [
        f'The microphone heard {when}: "{quote(group, "heard")}"'
        for when, group in _by_age(f for f in good if f.kind == "heard")
    ]
    return "\n".join(lines)


def _sight(group: Sequence[Fact], verb: str, since: str) -> str:
    things = [f for f in group if f.kind != "class"]
    parts = []
    if things:
        doubt = "" if any(f.score >= SURE for f in things) else "probably "
        parts.append(f"The camera {doubt}{verb} {listing(things)}{since}.")
    parts += [impression(f, things) for f in group if f.kind == "class"]
    return " ".join(filter(None, parts))


def listing(things: Sequence[Fact]) -> str:
    """Things in words, the sure ones first; "probably" only marks some off from the others."""
    ordered = sorted(things, key=lambda f: f.score < SURE)
    if ordered[0].score < SURE:
        ordered = [replace(f, score=SURE) for f in ordered]
    return listed([phrase(f) for f in ordered])


def beside(faces: Sequence[Fact], seen: Sequence[Fact]) -> list[Fact]:
    """``faces`` less those that are but the face of a person in ``seen``."""
    people = any(normal(f.text) == "person" for f in seen)
    return [f for f in faces if not people or f.text.strip().lower() not in FACE_NAMES]


def _by_age(facts: Iterable[Fact]) -> list[tuple[str, list[Fact]]]:
    items = list(facts)
    out: dict[str, list[Fact]] = defaultdict(list)
    for seconds in sorted({f.age_s for f in items}):
        same = [f for f in items if f.age_s == seconds]
        out[age(seconds)] += same
    return [(when, _tidy(group)) for when, group in out.items()]


def _tidy(group: list[Fact]) -> list[Fact]:
    """Merge alike things; of the classes keep the likeliest that says more than a box does."""
    spoken = [f for f in group if f.kind in ("heard", "read")]
    classes = sorted(merged(group, "class"), key=lambda f: -f.score)
    seen = supported(merged(group, "seen"), classes)
    things = seen + beside(merged(group, "face"), seen)
    return things + telling(classes[:1], things) + spoken


class Scene:
    """The usable facts, indexed for checks.

    ``counts`` maps every name a thing may be given (label and general words, singular, lower
    case) to how many there are; ``quotes`` holds the words read and heard, in order.
    """

    def __init__(self, facts: Sequence[Fact]) -> None:
        self.facts = usable(facts)
        classes = sorted(merged(self.facts, "class"), key=lambda f: -f.score)
        self.seen = supported(merged(self.facts, "seen"), classes)
        self.faces = merged(self.facts, "face")
        self.classes = telling(classes, [*self.seen, *self.faces])
        self.boxed = {normal(f.text) for f in self.seen}
        self.counts = self._count()
        self.sure = {n for f in self._things() if f.score >= SURE for n in _names(f)}
        old = {n for f in self._things() if f.age_s >= NOW_S for n in _names(f)}
        self.stale = old - {n for f in self._things() if f.age_s < NOW_S for n in _names(f)}
        self.quotes = {k: Quotable(self.facts, k) for k in ("read", "heard")}
        self.names = {w for f in self.faces for w in words(f.text)} - FACE_NAMES

    def _count(self) -> dict[str, int]:
        counts: dict[str, int] = defaultdict(int)
        for fact in self.seen:
            for name in _names(fact):
                counts[name] += fact.count
        faces = sum(f.count for f in self.faces)
        if faces:
            counts["face"] = faces
            for name in ("person", *generals("person")):
                counts[name] = max(counts[name], faces)
        for fact in self.classes:
            for name in _names(fact):
                counts[name] = max(counts[name], 1)
        return dict(counts)

    def _things(self) -> list[Fact]:
        return [*self.seen, *self.faces, *self.classes]

    def of(self, noun: str) -> list[Fact]:
        """The facts that ``noun`` (singular) may name, best first."""
        return sorted((f for f in self._things() if noun in _names(f)), key=lambda f: -f.score)

    @property
    def main(self) -> str:
        """What there is most of among the boxes, by count and score; "" without any."""
        best = max(self.seen, key=lambda f: f.count * f.score, default=None)
        return normal(best.text) if best else ""

    @property
    def empty(self) -> bool:
        """Whether nothing is seen (text and sounds aside)."""
        return not (self.seen or self.faces or self.classes)

    def count(self, noun: str) -> int:
        """How many of ``noun`` (any number, several words allowed) the facts support."""
        *head, last = normal(noun).split(" ")
        name = " ".join([*head, singular(last)])
        return self.counts.get(name, self.counts.get(normal(noun), 0))


def _names(fact: Fact) -> tuple[str, ...]:
    if fact.kind == "face":
        return ("face", "person", *generals("person"))
    return (normal(fact.text), *generals(normal(fact.text)))


def words(text: str) -> list[str]:
    """The lower-case words and numbers of ``text``."""
    return re.findall(r"[^\W_]+(?:'[^\W_]+)*", text.lower().replace("\u2019", "'"))


class Quotable:
    """The words of one sense, and where a quotation may start and end: at whole lines."""

    def __init__(self, facts: Iterable[Fact], kind: Kind) -> None:
        self.words: list[str] = []
        self.starts: set[int] = set()
        self.ends: set[int] = set()
        for line in (words(f.text) for f in facts if f.kind == kind):
            if line:
                self.starts.add(len(self.words))
                self.words += line
                self.ends.add(len(self.words) - 1)

    def whole(self) -> Quotable:
        """The same words, to be quoted from the first to the last only."""
        every = Quotable((), "read")
        every.words = self.words
        if self.words:
            every.starts, every.ends = {0}, {len(self.words) - 1}
        return every
