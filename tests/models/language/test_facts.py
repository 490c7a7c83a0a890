from __future__ import annotations

import pytest

from sensorium.errors import BadInput
from sensorium_models.language.facts import Fact, Scene, describe, quote, usable
from sensorium_models.language.lexicon import (
    COCO_LABELS,
    counted,
    generals,
    plural,
    singular,
    with_article,
)


def test_there_are_eighty_labels() -> None:
    assert len(set(COCO_LABELS)) == 80
    assert not [label for label in COCO_LABELS if label != " ".join(label.split())]


@pytest.mark.parametrize("label", COCO_LABELS)
def test_the_plural_of_every_label_leads_back_to_it(label: str) -> None:
    *head, last = plural(label).split(" ")
    assert " ".join([*head, singular(last)]) in (label, singular(label))


@pytest.mark.parametrize(
    ("noun", "count", "words"),
    [
        ("person", 3, "3 people"),
        ("mouse", 2, "2 mice"),
        ("wine glass", 2, "2 wine glasses"),
        ("bus", 4, "4 buses"),
        ("sheep", 2, "2 sheep"),
        ("teddy bear", 2, "2 teddy bears"),
        ("umbrella", 1, "an umbrella"),
        ("Egyptian cat", 1, "an Egyptian cat"),
        ("unicycle", 1, "a unicycle"),
        ("scissors", 1, "a pair of scissors"),
        ("broccoli", 1, "some broccoli"),
    ],
)
def test_things_are_counted_as_english_has_it(noun: str, count: int, words: str) -> None:
    assert counted(noun, count) == words


def test_vowels_that_sound_like_consonants() -> None:
    assert with_article("uniform") == "a uniform"
    assert with_article("orange") == "an orange"


@pytest.mark.parametrize(
    ("label", "general"),
    [
        *(
            ("egyptian cat", "cat"),
            ("tabby", "cat"),
            ("beagle", "dog"),
            ("golden retriever", "dog"),
        ),
        *(("robin", "bird"), ("cat", "animal"), ("bus", "vehicle"), ("traffic light", "light")),
    ],
)
def test_a_finer_label_carries_the_general_word(label: str, general: str) -> None:
    assert general in generals(label)


@pytest.mark.parametrize("label", ["hot dog", "teddy bear", "sea lion"])
def test_a_misleading_last_word_carries_nothing(label: str) -> None:
    assert generals(label) == ()


def test_the_block_for_the_prompt_states_counts_ages_and_doubt() -> None:
    facts = [
        Fact("seen", "person", 0.9, 0.1, count=3),
        Fact("seen", "kite", 0.45, 0.1),
        Fact("seen", "dog", 0.9, 4.2),
        Fact("read", "Way out", 0.9, 1.0),
        Fact("heard", "hello there", 0.9, 7.0),
    ]
    assert describe(facts).splitlines() == [
        "The camera sees 3 people and probably a kite.",
        "The camera saw a dog 4 s ago.",
        'The text in view says: "Way out"',
        'The microphone heard 7 s ago: "hello there"',
    ]


CAT, DOG = Fact("seen", "cat", 0.55, 0), Fact("seen", "dog", 0.5, 0)
BREED = Fact("class", "Egyptian cat", 0.69, 0)


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ([CAT, BREED], "The camera sees a cat. It looks like an Egyptian cat."),
        ([CAT, DOG], "The camera probably sees a cat and a dog."),
        (
            [DOG, CAT, BREED],
            "The camera sees a cat and probably a dog. The cat looks like an Egyptian cat.",
        ),
        ([BREED], "It looks like a cat, an Egyptian cat."),
        ([Fact("seen", "cat", 0.9, 0, count=2), BREED], "The camera sees 2 cats."),
        ([Fact("seen", "cat", 0.9, 0), Fact("class", "racket", 0.3, 0)], "The camera sees a cat."),
        ([Fact("seen", "person", 0.9, 0), Fact("face", "", 0.9, 0)], "The camera sees a person."),
    ],
)
def test_a_class_says_more_about_a_thing_and_makes_it_sure(facts: list[Fact], said: str) -> None:
    assert describe(facts) == said


def test_a_finer_class_makes_its_thing_sure() -> None:
    assert "cat" not in Scene([CAT]).sure
    assert "cat" in Scene([CAT, BREED]).sure
    assert "dog" not in Scene([DOG, BREED]).sure


def test_nothing_seen_is_said_to_be_nothing() -> None:
    assert describe([]) == "The camera sees nothing."
    assert describe([Fact("seen", "kite", 0.2, 0)]) == "The camera sees nothing."


def test_scores_below_the_floor_are_no_facts() -> None:
    assert usable([Fact("seen", "kite", 0.3, 0), Fact("read", "  ", 0.9, 0)]) == []


def test_boxes_of_one_source_add_up_and_two_sources_do_not() -> None:
    scene = Scene(
        [
            Fact("seen", "person", 0.9, 0, count=2, source="left"),
            Fact("seen", "person", 0.8, 0, count=1, source="left"),
            Fact("seen", "person", 0.7, 0, count=2, source="right"),
        ]
    )
    assert scene.count("people") == 3
    assert scene.count("human") == 3


def test_an_old_sighting_does_not_add_to_a_new_one() -> None:
    scene = Scene([Fact("seen", "cat", 0.9, 0.5), Fact("seen", "cat", 0.9, 9)])
    assert scene.count("cat") == 1
    assert "cat" not in scene.stale
    assert "cat" in Scene([Fact("seen", "cat", 0.9, 9)]).stale


def test_a_long_text_is_cut_at_a_word() -> None:
    cut = quote([Fact("read", "word " * 200, 0.9, 0)], "read")
    assert len(cut) < 410
    assert cut.endswith("word ...")


def test_facts_that_cannot_be_are_refused() -> None:
    with pytest.raises(BadInput, match="count"):
        Fact("seen", "cat", 0.9, 0, count=0)
    with pytest.raises(BadInput, match="smelt"):
        Fact("smelt", "cat", 0.9, 0)  # type: ignore[arg-type]
