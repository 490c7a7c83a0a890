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
            "content": f"The camera sees a cat, probably an Egyptian cat.\nQuestion: {WHAT}",
        },
    ]
    assert chat.messages(" Hello! ", CAT)[-1] == {"role": "user", "content": "Hello!"}
    always = GroundedChat(GroundedChatOptions(facts="always"))
    assert "cat" in always.messages("Hello!", CAT)[-1]["content"]


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
    model: LlamaModel, question: str, facts: list[Fact], history: list[dict[str, str]] | None = None
) -> tuple[str, int, int]:
    """The spoken reply; at which token the first words came; how many tokens were made."""
    chat = GroundedChat()
    guard = chat.guard(question, facts)
    request: dict[str, Any] = {"messages": chat.messages(question, facts, history or [])}
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
    return guard.text, first, tokens


@pytest.mark.models
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
    small_lm: LlamaModel, facts: list[Fact], question: str, has: str
) -> None:
    text, _, _ = talk(small_lm, question, facts)
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
def test_a_name_told_before_comes_back(small_lm: LlamaModel) -> None:
    assert "Ada" in talk(small_lm, "What is my name?", [], HISTORY)[0]


@pytest.mark.models
def test_the_first_words_are_out_before_the_last_token(small_lm: LlamaModel) -> None:
    _, first, tokens = talk(small_lm, "How are you?", [])
    assert 0 < first < tokens
