"""A truthful answer in plain English, made from the facts alone. No model, no chance."""

from __future__ import annotations

import re
from collections.abc import Sequence

from .facts import (
    FACE_NAMES,
    NOW_S,
    SURE,
    Fact,
    Scene,
    beside,
    impression,
    listing,
    page_answer,
    quote,
)
from .lexicon import counted, plural, with_article
from .questions import Question, asks_page, parse_question

NOTHING = "I see nothing I can name."
_FINER = {"man", "woman", "child", "boy", "girl", "kid", "baby"}  # a person, more than we know


def realise(question: str, facts: Sequence[Fact]) -> str:
    """One to three sentences that answer ``question`` from ``facts``, and claim nothing else."""
    return " ".join(filter(None, answer(question, facts)))


def answer(question: str, facts: Sequence[Fact]) -> tuple[str, str]:
    """:func:`realise` in two: the sentence that answers, and what may be added to it (or "")."""
    said = page_answer(facts)
    if said is not None and asks_page(question):
        return _page(question, said), ""
    scene = Scene(facts)
    asked = parse_question(question)
    answers = {
        "read": _read,
        "heard": _heard,
        "count": _count,
        "exists": _exists,
        "who": _who,
        "where": _where,
        "detail": _detail,
    }
    found = answers.get(asked.ask)
    opening, *rest = found(scene, asked) if found else _what(scene)
    return opening, " ".join(rest)


_ASKED_FOR = re.compile(r"^what(?: is|'s| was) (?P<x>the [^?]+?)\W*$", re.IGNORECASE)


def _page(question: str, said: str) -> str:
    """ "The total is 1,301.35." """
    if not said:
        return "I cannot find that on the page."
    named = _ASKED_FOR.match(" ".join(question.replace("\u2019", "'").split()))
    if named is None:
        return f"The page says: {said}."
    subject = named["x"]
    return f"{subject[0].upper()}{subject[1:]} is {said}."


def _what(scene: Scene) -> list[str]:
    fresh, stale = _split(scene)
    sentences = [_sees(fresh)] if fresh else []
    if stale:
        sentences.append(_saw(stale))
    sentences += [s for top in scene.classes[:1] if (s := impression(top, [*fresh, *stale]))]
    text = quote(scene.facts, "read")
    if text and (not sentences or len(text) <= 80):
        sentences.append(f'I can read: "{text}"')
    return sentences or [NOTHING]


def _split(scene: Scene) -> tuple[list[Fact], list[Fact]]:
    """What is in view now and what was, the most of it first; a nameless face is its person."""
    things = [*scene.seen, *beside(scene.faces, scene.seen)]
    things.sort(key=lambda f: -f.count * f.score)
    fresh = [f for f in things if f.age_s < NOW_S]
    return fresh, [f for f in things if f.age_s >= NOW_S]


def _sees(things: Sequence[Fact]) -> str:
    sure = any(f.score >= SURE for f in things)
    return f"I {'see' if sure else 'think I see'} {listing(things)}."


def _saw(things: Sequence[Fact]) -> str:
    sure = any(f.score >= SURE for f in things)
    return f"{_ago(things).capitalize()} I {'saw' if sure else 'think I saw'} {listing(things)}."


def _ago(facts: Sequence[Fact]) -> str:
    return f"about {round(min(f.age_s for f in facts))} seconds ago"


def _sighting(scene: Scene, noun: str) -> str:
    """ "I see 2 cats", "I think I see a cat", "about 8 seconds ago I saw a cat"."""
    known = scene.of(noun)
    thing = counted(noun, scene.count(noun))
    if noun in scene.stale:
        return f"{_ago(known)} I saw {thing}"
    sure = any(f.score >= SURE for f in known)
    return f"I see {thing}" if sure else f"I think I see {thing}"


def _read(scene: Scene, _: Question) -> list[str]:
    text = quote(scene.facts, "read")
    return [f'It says: "{text}"' if text else "I cannot read any text."]


def _heard(scene: Scene, _: Question) -> list[str]:
    text = quote(scene.facts, "heard")
    return [f'I heard: "{text}"' if text else "I have not heard anything."]


def _count(scene: Scene, asked: Question) -> list[str]:
    if asked.noun in ("thing", "object") or asked.noun in _FINER:
        return _what(scene)
    if not scene.count(asked.noun):
        return [f"I do not see any {plural(asked.noun)}."]
    return [_sentence(_sighting(scene, asked.noun))]


def _exists(scene: Scene, asked: Question) -> list[str]:
    noun = asked.noun
    if noun in ("text", "word"):
        return _read(scene, asked)
    if noun in ("thing", "object"):
        return _what(scene)
    if scene.count(noun):
        if noun in scene.stale:
            return [f"Not now, but {_sighting(scene, noun)}."]
        return [f"Yes, {_sighting(scene, noun)}."]
    people = scene.count("person")
    if noun in _FINER and people:
        rest = "whether it is" if people == 1 else "whether one is"
        return [f"{_known(scene)}, but I cannot tell {rest} {with_article(noun)}."]
    return [f"No, I do not see {with_article(noun)}."]


def _known(scene: Scene) -> str:
    words = _sighting(scene, "person")
    return words[0].upper() + words[1:]


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}."


def _who(scene: Scene, _: Question) -> list[str]:
    named = [f for f in scene.faces if f.text.strip().lower() not in FACE_NAMES]
    fresh = [f for f in named if f.age_s < NOW_S]
    if fresh:
        return [_sees(fresh)]
    if named:
        return [_saw(named)]
    people = scene.count("person")
    if not people:
        return ["I do not see anyone."]
    whom = "who that is" if people == 1 else "who they are"
    return [f"{_known(scene)}, but I do not know {whom}."]


def _where(scene: Scene, asked: Question) -> list[str]:
    if not asked.noun:
        return ["I cannot tell where this is.", *_what(scene)]
    if not scene.count(asked.noun):
        return [f"I do not see {with_article(asked.noun)}."]
    return [_sentence(f"{_sighting(scene, asked.noun)}, but I cannot tell exactly where")]


def _detail(scene: Scene, asked: Question) -> list[str]:
    if not scene.count(asked.noun):
        return ["I cannot tell.", *_what(scene)]
    return [_sentence(f"{_sighting(scene, asked.noun)}, but I cannot tell more than that")]
