from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from sensorium_models.language.grounding import Fact, GroundedChat, GroundedChatOptions
from sensorium_models.language.llama import LlamaModel
from sensorium_models.language.prompt import SYSTEM

CAT = [Fact("seen", "cat", 0.7, 0.3), Fact("class", "Egyptian cat", 0.45, 0.3)]
STREET = [Fact("seen", "person", 0.8, 0.2, count=5), Fact("seen", "kite", 0.3, 0.2)]
COFFEE = [Fact("seen", "cup", 0.6, 0.1), Fact("class", "espresso", 0.97, 0.1)]
LINES = "Region-based segmentation Let us first determine markers of the coins."
PAGE = [Fact("read", LINES, 0.9, 1)]
WHAT = "What is in this picture?"
HISTORY = [
    {"role": "user", "content": "My name is Ada."},
    {"role": "assistant", "content": "Nice to meet you, Ada."},
]


def test_the_facts_stand_before_a_question_about_the_surroundings_only() -> None:
    chat = GroundedChat()
    assert chat.messages(WHAT, CAT) == [
        {"role": "system", "content": SYSTEM},
        {
            "role": "user",
            "content": f"The camera sees a cat. It could be an Egyptian cat.\nQuestion: {WHAT}",
        },
    ]
    assert chat.messages(" Hello! ", CAT)[-1] == {"role": "user", "content": "Hello!"}
    always = GroundedChat(GroundedChatOptions(facts="always"))
    assert "cat" in always.messages("Hello!", CAT)[-1]["content"]


SEES = "The camera sees a cat."


@pytest.mark.parametrize(
    ("question", "facts", "told"),
    [
        (WHAT, CAT, f"{SEES} It could be an Egyptian cat.\nQuestion: {WHAT}"),
        ("Is there a dog?", CAT, f"{SEES}\nQuestion: Is there a dog?"),
        ("Is there a dog?", CAT[1:], "It looks like a cat, probably an Egyptian cat."),
        ("What does it say?", [*PAGE, *CAT], "What does it say?"),  # the opening has it all
        (WHAT, PAGE, WHAT),
    ],
)
def test_an_answer_that_was_begun_is_to_be_gone_on_with(
    question: str, facts: list[Fact], told: str
) -> None:
    chat = GroundedChat()
    begun = chat.guard(question, facts).begin()
    asked, opening = chat.messages(question, facts, opening=begun)[-2:]
    assert asked["content"].startswith(told)
    assert opening == {"role": "assistant", "content": begun.strip()}


def test_the_model_may_be_left_to_begin() -> None:
    chat = GroundedChat(GroundedChatOptions(opening="model"))
    assert chat.guard(WHAT, CAT).begin() == ""
    assert chat.messages(WHAT, CAT)[-1]["role"] == "user"


@pytest.mark.parametrize(("room", "kept"), [(1000, 2), (22, 0), (37, 2), (36, 0), (0, 0)])
def test_the_history_is_trimmed_to_whole_turns_that_fit(room: int, kept: int) -> None:
    chat = GroundedChat(GroundedChatOptions(history_chars=room))
    assert len(chat.messages("Hi", [], HISTORY)) == 2 + kept


def test_the_latest_turns_are_the_ones_kept() -> None:
    later = [{"role": "user", "content": "Good."}, {"role": "assistant", "content": "Yes."}]
    chat = GroundedChat(GroundedChatOptions(history_chars=20))
    assert chat.messages("Hi", [], [*HISTORY, *later])[1:-1] == later


def test_grounding_loads_no_heavy_library() -> None:
    heavy = "torch transformers xllamacpp openai numpy"
    code = (
        "import sys, sensorium_models.language.grounding, sensorium_models.language.llama, "
        "sensorium_models.language.transformers_lm, sensorium_models.language.openai_lm; "
        f"print([m for m in {heavy.split()} if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"


def talk(
    model: LlamaModel,
    question: str,
    facts: list[Fact],
    history: list[dict[str, str]] | None = None,
    **options: Any,
) -> tuple[str, int, int]:
    """The spoken reply; at which token the first words came; how many tokens were made."""
    chat = GroundedChat(GroundedChatOptions(**options))
    guard = chat.guard(question, facts)
    opening = guard.begin()
    messages = chat.messages(question, facts, history or [], opening=opening)
    request: dict[str, Any] = {"messages": messages}
    stream = model.stream({**request, "max_tokens": 60})
    first = tokens = 0
    for part in stream:
        tokens += 1
        if guard.feed(part["text"]) and not first:
            first = tokens
        if guard.done:
            break
    stream.close()
    guard.finish()
    return guard.text.strip(), first, tokens


@pytest.mark.models
@pytest.mark.parametrize("opening", ["facts", "model"])
@pytest.mark.parametrize(
    ("facts", "question", "has"),
    [
        (CAT, WHAT, "cat"),
        (CAT, "What do you see?", "cat"),
        (CAT, "Is there a dog?", "No"),
        (STREET, WHAT, "5 people"),
        (STREET, "How many people are there?", "5"),
        (PAGE, "What does it say?", LINES),
        ([], WHAT, "nothing"),
    ],
)
def test_the_small_model_and_the_guard_answer_truly(
    small_lm: LlamaModel, facts: list[Fact], question: str, has: str, opening: str
) -> None:
    text, _, _ = talk(small_lm, question, facts, opening=opening)
    assert has in text
    assert "kite" not in text
    assert len(text.split()) < 30


@pytest.mark.models
@pytest.mark.parametrize(
    ("question", "has"),
    [
        ("What is the capital of France?", "Paris"),
        ("What is 2+2?", "4"),
        ("Hello!", "Hello"),
    ],
)
def test_general_questions_get_the_models_own_answer(
    small_lm: LlamaModel, question: str, has: str
) -> None:
    assert has in talk(small_lm, question, CAT)[0]


@pytest.mark.models
@pytest.mark.parametrize(
    ("facts", "question", "begun", "more"),
    [
        (COFFEE, "What is this?", "I see a cup. ", "It looks like an espresso."),
        (CAT, WHAT, "I see a cat. ", "It could be an Egyptian cat."),
        (COFFEE, "Is there a cup?", "Yes, I see a cup. ", ""),
        (COFFEE, "Is there a dog?", "No, I do not see a dog. ", ""),
        (PAGE, "What does it say?", f'It says: "{LINES}" ', ""),
    ],
)
def test_the_small_model_goes_on_where_there_is_more_and_ends_where_not(
    small_lm: LlamaModel, facts: list[Fact], question: str, begun: str, more: str
) -> None:
    chat = GroundedChat()
    guard = chat.guard(question, facts)
    assert guard.begin() == begun
    messages = chat.messages(question, facts, opening=begun)
    raw = small_lm.infer([{"messages": messages, "max_tokens": 40}])[0]["text"]
    assert guard.feed(raw) + guard.finish() == more
    assert more in raw  # its own words


@pytest.mark.models
def test_a_name_told_before_comes_back(small_lm: LlamaModel) -> None:
    assert "Ada" in talk(small_lm, "What is my name?", [], HISTORY)[0]


@pytest.mark.models
def test_the_first_words_are_out_before_the_last_token(small_lm: LlamaModel) -> None:
    _, first, tokens = talk(small_lm, "How are you?", [])
    assert 0 < first < tokens
