from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_sims.world.captions import DETAILS, describe, distinct, noun, refer, twins
from sensorium_sims.world.happenings import FILM_KINDS, ask_film, happenings, narrate
from sensorium_sims.world.questions import ANSWERS, KINDS, ask, ask_any
from sensorium_sims.world.relations import RELATIONS, clear_relation, holds
from sensorium_sims.world.sampling import SceneOptions, scenes
from sensorium_sims.world.scene import Scene, Thing
from sensorium_sims.world.vocabulary import NUMBERS, SEEN_PAIRS

MANY = SceneOptions(things=(1, 5))
FILMS = SceneOptions(things=(2, 4), seconds=4.0, sounding=0.6)


@pytest.mark.parametrize("detail", DETAILS)
def test_a_caption_names_every_thing_once_and_rightly(detail: str) -> None:
    rng = np.random.default_rng(0)
    for scene in scenes("train", 200, MANY):
        caption = describe(scene, rng, detail)  # type: ignore[arg-type]
        named = [index for mention in caption.mentions for index in mention.things]
        assert sorted(named) == list(range(len(scene.things)))
        for mention in caption.mentions:
            words = caption.text[mention.start : mention.stop]
            name = noun(scene.things[mention.things[0]], DETAILS[detail])  # type: ignore[index]
            assert name in words
            assert len(mention.things) == 1 or words.startswith(NUMBERS[len(mention.things)])


def test_a_caption_s_relation_holds() -> None:
    rng = np.random.default_rng(0)
    told = 0
    for scene in scenes("train", 200, SceneOptions(things=(2, 2))):
        caption = describe(scene, rng)
        for relation in RELATIONS:
            if f" {relation} " in caption.text:
                first, second = (scene.things[m.things[0]] for m in caption.mentions)
                assert holds(first, relation, second)
                told += 1
    assert told > 100


def test_a_name_fits_one_thing_only() -> None:
    for scene in scenes("train", 200, MANY):
        for index, thing in enumerate(scene.things):
            name = refer(scene, index)
            if name is not None:
                fits = [t for t in scene.things if set(name.split()[1:]) <= _words(t)]
                assert fits == [thing]
            hidden = refer(scene, index, without="colour")
            assert hidden is None or thing.colour not in hidden.split()


def _words(thing: Thing) -> set[str]:
    return {thing.shape, thing.colour, thing.size, thing.material, "thing"}


@pytest.mark.parametrize("kind", ["colour", "size", "material", "relation"])
def test_twins_differ_in_what_they_say_only(kind: str) -> None:
    rng = np.random.default_rng(1)
    for _ in range(40):
        pair = twins(rng, kind)  # type: ignore[arg-type]
        one, other = pair.captions
        assert one != other
        assert sorted(one.replace("an ", "a ").split()) == sorted(
            other.replace("an ", "a ").split()
        )
        first, second = pair.scenes
        assert first.background == second.background
        changed = {
            name
            for a, b in zip(first.things, second.things, strict=True)
            for name in Thing.__slots__
            if getattr(a, name) != getattr(b, name)
        }
        allowed = {"relation": {"x", "y"}, "size": {"size", "diameter"}}.get(kind, {kind})
        assert changed <= allowed
        pairs = {(t.shape, t.colour) for scene in pair.scenes for t in scene.things}
        assert pairs <= SEEN_PAIRS, "a swap made a held-out pair"


def test_captions_of_a_gallery_fit_one_picture_each() -> None:
    kept = [scene for _, scene in distinct(scenes("test", 3000))]
    assert 500 < len(kept) < 3000
    for texts in (Counter(describe(scene).text for scene in kept),):
        assert max(texts.values()) == 1
    alone = [scene for scene in kept if len(scene.things) == 1]
    assert len(alone) <= 80


def _answer(scene: Scene, text: str) -> str | None:
    """An independent reading of the plain questions."""
    words = text.rstrip("?").split()
    if text.startswith("Is there a"):
        wanted = set(words[3:])
        return "yes" if any(wanted <= _words(t) for t in scene.things) else "no"
    if text.startswith("How many"):
        name = words[2].removesuffix("es") if words[2] == "crosses" else words[2].removesuffix("s")
        name = words[2] if len(words) > 5 else name
        return str(sum(name in _words(t) for t in scene.things))
    return None


def test_answers_agree_with_an_independent_reading() -> None:
    rng = np.random.default_rng(2)
    checked = 0
    for scene in scenes("train", 400, MANY):
        for kind in KINDS:
            question = ask(scene, rng, kind)
            if question is None:
                continue
            assert question.answer in ANSWERS
            expected = _answer(scene, question.text)
            if expected is not None:
                checked += 1
                assert question.answer == expected, question.text
            if kind == "query":
                (index,) = question.things
                assert question.answer in _words(scene.things[index])
            if kind == "relation":
                a, b = (scene.things[i] for i in question.things)
                said = next(r for r in RELATIONS if f" {r} " in question.text)
                assert holds(a, said, b) == (question.answer == "yes")
            if kind == "across":
                said = next(r for r in RELATIONS if f" {r} " in question.text)
                assert clear_relation(scene, *question.things) == said
    assert checked > 500


def test_yes_and_no_are_about_as_frequent() -> None:
    rng = np.random.default_rng(3)
    answers = Counter(ask_any(scene, rng).answer for scene in scenes("train", 3000, MANY))
    assert 0.6 < answers["yes"] / answers["no"] < 1.6
    kinds = Counter(ask_any(scene, rng).kind for scene in scenes("train", 1000, MANY))
    assert set(kinds) == set(KINDS)


def test_film_questions_follow_the_moves() -> None:
    rng = np.random.default_rng(4)
    asked: Counter[str] = Counter()
    for scene in scenes("train", 200, FILMS):
        for kind in FILM_KINDS:
            question = ask_film(scene, rng, kind)
            if question is None:
                continue
            asked[kind] += 1
            assert question.answer in ANSWERS
            if kind == "motion":
                moves = scene.things[question.things[0]].moves
                assert question.answer == (moves[0].direction if moves else "nowhere")
            if kind == "order":
                one, other = (scene.things[i].moves[0].start for i in question.things)
                assert (one < other) == (question.answer == "yes")
            if kind == "sounder":
                assert scene.things[question.things[0]].sounds[0].sound in question.text
    assert set(asked) == set(FILM_KINDS)


def test_happenings_have_their_spans() -> None:
    scene = next(s for s in scenes("train", 50, FILMS) if len(happenings(s)) >= 3)
    told = happenings(scene)
    assert [h.start for h in told] == sorted(h.start for h in told)
    assert narrate(scene) == ", then ".join(h.phrase for h in told)
    for happening in told:
        thing = scene.things[happening.thing]
        spans = [(m.start, m.stop) for m in (*thing.moves, *thing.sounds)]
        assert (happening.start, happening.stop) in spans


def test_wrong_kinds_are_refused_by_name() -> None:
    scene = next(scenes("train", 1))
    rng = np.random.default_rng(0)
    with pytest.raises(BadInput, match="no questions of kind 'why'"):
        ask(scene, rng, "why")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no film questions"):
        ask_film(scene, rng, "why")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no twins of 'shape'"):
        twins(rng, "shape")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="no detail"):
        describe(scene, detail="most")  # type: ignore[arg-type]
