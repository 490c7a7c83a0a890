from __future__ import annotations

import pytest

from sensorium_models.language.questions import asks_to_read, is_scene_question, parse_question

SCENE = """What is in this picture?|What do you see?|what's this|Who is that?|Describe the scene.
How many people are there?|how many dogs do you see|Is there a cat?|Are there any people here?
Do you see a man?|Can you see me?|What did you hear?|What animal is this?|Where is the cat?
What color is the cat?|What am I holding?|Is anyone there?|What is on the table?|Where am I?
Look at this!|Are there clouds in the picture?|Tell me about the image
What\u2019s in front of you?"""
OTHER = """hello|What is the capital of France?|Tell me a joke.|How many planets are there?
How many people live in France?|What is my name?|Is there life on Mars?|Do you see what I mean?
Draw me a picture of a cat|Did you hear about the news?|What is a cat?|Where is Paris?|Thank you!
Have you read a good book?|What time is it?|Is there a dog that can fly?|See you later|Take a photo
What does the law say?|How are you?|Can you read minds?|What is 2+2?|I see."""
READ = """What does it say?|Read this, please.|please read the sign|What does that sign say?
what's written on the board?|Can you read it to me?|What is the text?|read|Could you read the page
What does this label say|Is there any text?|What are the words on the screen?"""
NOT_READ = """Have you read a good book?|What does the fox say?|Did you read the news?|hello
What do you read for fun?|What is in this picture?|Can you read minds?"""


def lines(block: str) -> list[str]:
    return [text for line in block.splitlines() for text in line.split("|")]


@pytest.mark.parametrize("text", lines(SCENE) + lines(READ))
def test_a_question_about_the_surroundings_is_recognised(text: str) -> None:
    assert is_scene_question(text)


@pytest.mark.parametrize("text", lines(OTHER))
def test_other_talk_is_left_to_the_model(text: str) -> None:
    assert not is_scene_question(text)


@pytest.mark.parametrize("text", lines(READ))
def test_a_wish_to_have_something_read_is_recognised(text: str) -> None:
    assert asks_to_read(text)


@pytest.mark.parametrize("text", lines(NOT_READ))
def test_talk_about_reading_is_no_such_wish(text: str) -> None:
    assert not asks_to_read(text)


@pytest.mark.parametrize(
    ("text", "ask", "noun"),
    [
        ("How many people are there?", "count", "person"),
        ("How many traffic lights do you see?", "count", "traffic light"),
        ("Is there a cat?", "exists", "cat"),
        ("Do you see any men?", "exists", "man"),
        ("Is this a dog?", "exists", "dog"),
        ("Can you see me?", "exists", "person"),
        ("Where are my scissors?", "where", "scissors"),
        ("What colour is the cat?", "detail", "cat"),
        ("What is the person doing?", "detail", "person"),
        ("Who is this?", "who", ""),
        ("What did you hear?", "heard", ""),
        ("What does it say?", "read", ""),
        ("What is in this picture?", "what", ""),
    ],
)
def test_what_is_asked_and_about_what(text: str, ask: str, noun: str) -> None:
    question = parse_question(text)
    assert (question.ask, question.noun) == (ask, noun)
