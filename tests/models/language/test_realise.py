from __future__ import annotations

import pytest

from sensorium_models.language.facts import Fact
from sensorium_models.language.realise import NOTHING, answer, realise

CAT = [
    Fact("seen", "cat", 0.7, 0.3),
    Fact("class", "Egyptian cat", 0.45, 0.3),
    Fact("class", "tabby, tabby cat", 0.3, 0.3),
]
STREET = [Fact("seen", "person", 0.8, 0.2, count=5), Fact("seen", "kite", 0.3, 0.2)]
PAGE = [Fact("read", "Region-based", 0.9, 0), Fact("read", "segmentation", 0.9, 0)]
ADA = [Fact("face", "Ada", 0.9, 0.1), Fact("heard", "good morning", 0.9, 1)]
OLD = [Fact("seen", "cat", 0.8, 12)]
UNSURE = [Fact("seen", "dog", 0.5, 0.1, count=2)]
UNSURE_OLD = [Fact("seen", "cat", 0.9, 0.1), Fact("seen", "kite", 0.5, 9)]
SURER = [Fact("seen", "cat", 0.55, 0.3), Fact("class", "Egyptian cat", 0.69, 0.3)]
WHAT = "What is in this picture?"


@pytest.mark.parametrize(
    ("facts", "question", "said"),
    [
        (CAT, WHAT, "I see a cat. It could be an Egyptian cat."),
        (SURER, WHAT, "I see a cat. It looks like an Egyptian cat."),
        (CAT[1:], WHAT, "It looks like a cat, probably an Egyptian cat."),
        (CAT, "Is there a cat?", "Yes, I see a cat."),
        (CAT, "Is there a dog?", "No, I do not see a dog."),
        (CAT, "How many dogs are there?", "I do not see any dogs."),
        (CAT, "What animal is this?", "I see a cat. It could be an Egyptian cat."),
        (CAT, "What color is the cat?", "I see a cat, but I cannot tell more than that."),
        (CAT, "Where is the cat?", "I see a cat, but I cannot tell exactly where."),
        (CAT, "What does it say?", "I cannot read any text."),
        (STREET, WHAT, "I see 5 people."),
        (STREET, "How many people are there?", "I see 5 people."),
        (STREET, "Who is there?", "I see 5 people, but I do not know who they are."),
        (
            STREET,
            "Do you see a man?",
            "I see 5 people, but I cannot tell whether one is a man.",
        ),
        (PAGE, "What does it say?", 'It says: "Region-based segmentation"'),
        (PAGE, WHAT, 'I can read: "Region-based segmentation"'),
        (ADA, "Who is there?", "I see Ada."),
        (ADA, "What did you hear?", 'I heard: "good morning"'),
        (ADA, "Can you see me?", "Yes, I see a person."),
        (OLD, WHAT, "About 12 seconds ago I saw a cat."),
        (OLD, "Is there a cat?", "Not now, but about 12 seconds ago I saw a cat."),
        (UNSURE, "How many dogs are there?", "I think I see 2 dogs."),
        (UNSURE, WHAT, "I think I see 2 dogs."),
        (UNSURE_OLD, WHAT, "I see a cat. About 9 seconds ago I think I saw a kite."),
        ([], WHAT, NOTHING),
        ([], "Who is there?", "I do not see anyone."),
        ([], "What did you hear?", "I have not heard anything."),
        ([Fact("class", "espresso", 0.9, 0)], WHAT, "It looks like an espresso."),
        ([Fact("class", "espresso", 0.3, 0)], WHAT, "It could be an espresso."),
    ],
)
def test_the_answer_is_made_from_the_facts(facts: list[Fact], question: str, said: str) -> None:
    assert realise(question, facts) == said


@pytest.mark.parametrize(
    ("question", "opening", "rest"),
    [
        (WHAT, "I see a cat.", "It could be an Egyptian cat."),
        ("Is there a dog?", "No, I do not see a dog.", ""),
        (
            "Where am I?",
            "I cannot tell where this is.",
            "I see a cat. It could be an Egyptian cat.",
        ),
    ],
)
def test_the_first_sentence_answers_and_the_rest_may_be_left(
    question: str, opening: str, rest: str
) -> None:
    assert answer(question, CAT) == (opening, rest)


def test_a_chance_class_is_not_added_to_what_the_boxes_say() -> None:
    facts = [*STREET, Fact("class", "racket", 0.3, 0.1)]
    assert "racket" not in realise(WHAT, facts)
