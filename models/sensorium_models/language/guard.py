"""The guard between a language model's tokens and the listener.

It takes deltas as they stream, and lets out clauses that hold. Its output depends on the text
alone, never on how the text was cut into deltas.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from .checker import QUOTE_MARKS, Sentence
from .facts import Fact, Scene, page_answer
from .lexicon import singular, visible_nouns, word_set
from .questions import Question, asks_page, is_scene_question, parse_question
from .realise import answer, realise

UNSURE = "I am not sure."
MARKUP = "*_#`"  # Markdown, which is not spoken
_TOKEN = re.compile(r"[^\W_]+(?:['\u2019][^\W_]+)*|\s+|.", re.DOTALL)
_CLAUSE_WORDS = word_set("and but while with which who that as or in on near of")
_ABBREVIATIONS = word_set("mr mrs ms dr prof st vs e.g i.e etc")
_CLAIM = re.compile(
    r"\bi(?: can| could| do| also| just| now|'m able to)* (?:see|hear|spot|notice|saw|heard)\b"
    r"(?!\s*(?:[.,!?;]|$|what you|why|how|that you|your|you))|"
    r"\b(?:it|this|that)(?: also)? looks like an?\b|"
    r"\bi(?:'m| am) (?:seeing|hearing|looking at)\b|"
    r"\b(?:in|on|from) (?:the|this|your) (?:picture|image|photo|camera|scene|room)\b|"
    r"\bthe (?:camera|picture|image|photo|microphone)(?: \w+)? "
    r"(?:sees|shows|hears|heard|contains|depicts)\b|"
    r"\b(?:in front of|behind|next to) (?:me|you|the camera)\b",
    re.IGNORECASE,
)
_QUOTES = re.compile(r"\b(?:(?:i|it)(?: can| could)? (?:reads?|says?)|i heard)\s*$", re.IGNORECASE)
_ANY = Question("what")
# A clause without these cannot come to claim a perception: it need not be whole to be let out.
_MAY_CLAIM = word_set(
    "i me my we us our you your it its he she they this that these those there here someone "
    "somebody something nobody nothing in on from behind next front camera picture image photo "
    "microphone scene room view and but or so while with which who as near"
)
_WAITS = word_set("the a an")  # for the noun that says which of the two it is


class GroundingGuard:
    """``feed`` deltas, speak what comes back, call ``finish`` at the end.

    A question about the surroundings is answered only with what ``facts`` support: the first
    clause that goes further is cut off, and when nothing is left the answer is
    :func:`~.realise.realise`. With ``opens`` the guard answers such a question itself, at once
    (:meth:`begin`); the model goes on from there and may add what the facts hold besides. Other
    replies pass unchanged, but for sentences that claim to perceive something. ``done`` turns
    true when nothing more will be let out: stop the model then.

    ``patience`` is how many sentences may fail before the guard gives up on the model;
    ``max_sentences`` bounds a reply.
    """

    def __init__(
        self,
        question: str,
        facts: Sequence[Fact],
        *,
        max_sentences: int = 3,
        patience: int = 1,
        opens: bool = False,
    ) -> None:
        self.question, self.facts = question, list(facts)
        self._scene = Scene(facts)
        self._page = page_answer(facts) is not None and asks_page(question)
        self.strict = self._page or is_scene_question(question, in_view=not self._scene.empty)
        self.done = False
        self._asked = parse_question(question) if self.strict else _ANY
        self._left, self._patience = max_sentences, patience
        self._told: set[str] | None = None
        self._opens, self._rest = (opens and self.strict) or self._page, ""
        self._buffer, self._released = "", ""
        self._sentence_open, self._checking = False, self.strict
        self._start_sentence()

    @property
    def text(self) -> str:
        """Everything let out so far."""
        return self._released

    def begin(self) -> str:
        """The answer's first sentence, and a blank; "" when the model is to make it."""
        if not self._opens:
            return ""
        self._opens = False
        opening, self._rest = answer(self.question, self.facts)
        self._tell(opening)
        self._released = f"{opening} "
        self._left -= 1
        if self._left <= 0 or self._page:  # to what a page says a model has nothing to add
            self.done, self._rest = True, ""
        return self._released

    def feed(self, delta: str) -> str:
        """Take a piece of the model's reply; return what may be spoken now (often "")."""
        if self.done:
            return ""
        self._buffer += delta
        return self._take(final=False)

    def finish(self) -> str:
        """The model is through: return the rest, or the truthful answer when nothing was let out.

        A reply that was cut in the middle of a sentence (``max_tokens``) is closed where it
        could end. Where the model added nothing to :meth:`begin`, the facts do.
        """
        out = "" if self.done else self._take(final=True)
        self.done = True
        if not self._released.strip():
            rest = realise(self.question, self.facts) if self.strict else UNSURE
        else:
            rest = self._rest
        self._released += rest
        self._rest = ""
        return out + rest

    # -- tokens ------------------------------------------------------------------------------
    def _take(self, *, final: bool) -> str:
        before = len(self._released)
        for token, following in self._tokens(final):
            self._step(token, following)
            if self.done:
                break
        if final and not self.done and self._pending:
            self._end_sentence("", "")
        return self._released[before:]

    def _tokens(self, final: bool) -> Iterator[tuple[str, str]]:
        """Whole tokens, each with the character after it; the last waits until it is whole."""
        while self._buffer:
            found = _TOKEN.match(self._buffer)
            token = found.group() if found else self._buffer[0]
            following = self._buffer[len(token) : len(token) + 2]
            # An apostrophe may join what follows to the word, so a word needs two characters.
            need = 2 if following[:1] in ("'", "\u2019") else 1
            if len(following) < need and not final:
                return
            self._buffer = self._buffer[len(token) :]
            yield token, following[:1]

    def _step(self, token: str, following: str) -> None:
        if not self._pending.strip() and token.isspace() and not self._sentence_open:
            if self._released and not self._released[-1].isspace():
                self._pending += token
            return
        self._sentence_open = True
        if self._is_end(token, following):
            self._end_sentence(token, following)
        elif self._failed:
            return
        elif self._checking:
            self._check(token)
        else:
            self._pass(token)

    def _is_end(self, token: str, following: str) -> bool:
        if self._checking and not self._failed and self._sentence.goes_on:
            return False
        if "\n" in token:
            return True
        if token not in ".!?":
            return False
        if token == "." and self._last_word.lower() in _ABBREVIATIONS:
            return False
        if token == "." and self._last_word.isdigit() and self._pending.strip() == self._last_word:
            return self.strict  # "1. Eggs": the number of a list
        return following == "" or following.isspace() or following in "\"'\u201d)"

    # -- checked sentences -------------------------------------------------------------------
    def _start_sentence(self) -> None:
        self._pending, self._safe, self._last_word = "", 0, ""
        self._failed, self._sentence_open, self._spoken = False, False, False
        self._checking, self._harmless = self.strict, True
        self._sentence = Sentence(self._scene, self._asked, self.question, self._told)

    def _check(self, token: str) -> None:
        """Feed one token to the sentence; let out what is safe when a new clause begins."""
        sentence = self._sentence
        is_word = token[0].isalnum()
        if token in MARKUP:
            return
        if self._safe and (token in ",;" or token.lower() in _CLAUSE_WORDS):
            self._let_out(self._safe)
        if is_word:
            self._last_word = token
            sentence.word(token)
        elif not token.isspace():
            sentence.mark(token)
        if not sentence.alive:
            self._cut()
            return
        self._pending += token
        if sentence.closable and (is_word or token in QUOTE_MARKS):
            self._safe = len(self._pending)

    def _cut(self) -> None:
        """Close the sentence before what no fact supports, or drop it."""
        self._let_out(self._safe)
        if self._spoken:
            self._release(".")
        self._failed, self._pending, self._safe = True, "", 0
        if self.strict:
            self._patience -= 1
            self.done = self._patience <= 0

    def _end_sentence(self, token: str, following: str) -> None:
        end = token if token and token in ".!?" else ""
        if self._failed:
            self._after_sentence()
            return
        if not self._checking:
            self._pending += token
            self._end_passed()
            return
        self._sentence.end(end)
        if self._sentence.closable:
            self._safe = max(self._safe, len(self._pending.rstrip()))
        if not self._sentence.alive:
            self._cut()
        elif self._safe or self._spoken:
            self._let_out(len(self._pending.rstrip()) if end else self._safe)
            self._release(self._closing(end))
        self._after_sentence()

    def _closing(self, end: str) -> str:
        if self._sentence.in_quote and self._sentence.marked:
            return '".'
        quoted = re.search(r"[.!?][\"\u201d]?$", self._released)
        return "" if quoted else end or "."

    def _after_sentence(self) -> None:
        spoken = self._spoken
        if spoken and self.strict:
            self._told = (self._told or set()) | self._sentence.said
        self._start_sentence()
        if spoken:
            self._left -= 1
            if self._left <= 0:
                self.done = True

    # -- sentences that pass -----------------------------------------------------------------
    def _pass(self, token: str) -> None:
        """Hold a clause until its end, or as long as it may come to claim a perception."""
        if token[0].isalnum():
            self._last_word = token
        if token not in ",;:":
            self._pending += token
            self._pass_word(token)
        elif self._claims() or (token == ":" and _QUOTES.search(self._pending)):
            self._recheck()
            if not self._failed:
                self._check(token)
        else:
            # The comma waits: what follows it may be dropped.
            self._harmless = False
            self._let_out(len(self._pending))
            self._pending = token

    def _pass_word(self, token: str) -> None:
        word = re.split("['\u2019]", token.lower())[0]
        if word in _MAY_CLAIM or singular(word) in visible_nouns():
            self._harmless = False
        elif self._harmless and word.isalpha() and word not in _WAITS:
            self._let_out(len(self._pending))

    def _end_passed(self) -> None:
        if self._claims():
            text, self._pending = self._pending.rstrip(), ""
            self._recheck(text)
            if not self._failed:
                self._end_sentence(text[-1:] if text[-1:] in ".!?" else "", "")
                return
        else:
            self._let_out(len(self._pending))
        self._after_sentence()

    def _claims(self) -> bool:
        return bool(_CLAIM.search(self._pending.replace("\u2019", "'")))

    def _recheck(self, text: str | None = None) -> None:
        """A clause claims to perceive: from here to the end of the sentence it is checked."""
        held = self._pending if text is None else text
        lead = held[: len(held) - len(held.lstrip())]
        self._pending, self._checking = lead if self._released else "", True
        body = held.strip()
        if text is not None:
            body = body.rstrip(".!?")
        for token in _TOKEN.findall(body):
            if not self._failed:
                self._check(token)

    # -- output ------------------------------------------------------------------------------
    def _let_out(self, size: int) -> None:
        if size:
            self._release(self._pending[:size])
            self._pending, self._safe = self._pending[size:], 0

    def _release(self, text: str) -> None:
        self._released += text
        self._spoken = True
        self._rest = ""

    def _tell(self, opening: str) -> None:
        """Keep what the opening names, which no later sentence may just repeat."""
        for token in _TOKEN.findall(opening):
            if token[0].isalnum():
                self._sentence.word(token)
            elif not token.isspace():
                self._sentence.mark(token)
        self._told = set(self._sentence.said)
        self._start_sentence()
