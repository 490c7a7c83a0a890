"""Whether a sentence about the surroundings says only what the facts say, word by word.

The check is by allow-list: function words pass; a noun passes when a fact supports it and number,
negation and mention agree; words of a quotation pass while they run along the words read or
heard. Every other word fails, so a model cannot add a colour, a place or an action. What the
facts cannot carry is refused too: where things are ("a cat on a couch", although both are seen).
"""

from __future__ import annotations

from collections.abc import Collection

from .facts import Scene, words
from .lexicon import AT_LEAST, NUMBERS, generals, plural, singular, word_set
from .questions import Question

_FUNCTION = word_set(
    """a an the this that these those there here it its it's i i'm i've you your me my we us they
    them he she his her is are was were am be been being do does did has have having had can
    could may might must will would shall should and or but also as if so then than to of by for
    along with from about like what which who just only now currently right clearly all total
    altogether exactly visible present one's see sees seeing seen saw think believe look looks
    looking appear appears seem seems show shows showing shown contain contains containing
    feature features depicts include includes consist consists detect detects detected notice
    spot make out tell know sure sorry well ok okay hello hi answer question probably maybe
    perhaps possibly likely hear hears heard hearing read reads reading say says said saying
    written following ago moment least some any called named kind sort type in on at"""
)
_MEDIUM = word_set(
    """picture image photo photograph scene camera view frame video microphone front text sign page
    label words word line lines screen"""
)
_VERBS = word_set(
    """is are was were see sees saw seen look looks appear appears seem seems show shows contain
    contains feature features depicts include includes has have had hear heard hears read reads
    say says said detect detects notice spot be i'm it's that's there's this's here's what's"""
)
_PLACES = word_set(
    """in on at under behind beside near above below inside over by against between beneath
    underneath around outside"""
)
_NEGATORS = word_set("no not never cannot without neither nor none")
_PAST = word_set("saw seen was were had ago heard")
_SPEAKS = (
    word_set("say says said read reads reading written"),
    word_set("hear hears heard hearing say says said"),
)
_SIGHT = word_set("camera picture image photo see sees saw")
_NOBODY = word_set("nobody noone")
_HEDGES = word_set("probably maybe perhaps possibly likely or be called named")
_DOUBTS = word_set("think believe may might could seem seems appear appears")
_ONE = word_set("a an one single")
_QUESTION_STARTS = word_set("do does did is are can could would how where why who when")
_IS = word_set("is are was were be look looks resembles")
_QUOTED = '"'  # stands for a quotation among the things said
QUOTE_MARKS = '"\u201c\u201d'


class Sentence:
    """Takes a sentence token by token; says after each whether it may stand and could end here.

    ``alive`` falls at the first word that no fact supports. ``closable`` is true right after a
    word at which the sentence may be cut and still is a whole, true answer to the question.

    ``told`` is what the sentences before it have ``said``: they have answered, so this one may
    only end where it adds something. ``None``: nothing was answered yet.
    """

    def __init__(
        self, scene: Scene, question: Question, asked: str, told: Collection[str] | None = None
    ) -> None:
        self.scene, self.question = scene, question
        self._answers = told is None
        self._told = {n for name in told or () for n in (name, *generals(name))}
        self.asked = {singular(w) for w in words(asked)}
        self.alive, self.closable = True, False
        self.in_quote, self.marked = False, False
        self._first, self._verb, self._negated, self._place = True, False, False, False
        self._determiner, self._number, self._least, self._past = "", -1, 0, False
        self._phrase: tuple[str, ...] = ()
        self._mentioned: list[str] = []
        self._last = ""
        self.said: set[str] = set()
        self._is = False  # "the cat is ...": what follows is the same thing
        self._speaks, self._hedged, self._has_quoted = "", False, False
        self._quote_at: set[int] = set()
        source = scene.quotes["heard" if question.ask == "heard" else "read"]
        self._source = source.whole() if question.ask == "read" else source
        self._opened = False
        phrases = {tuple(name.split()) for name in scene.counts}
        self._prefixes = {p[:i] for p in phrases for i in range(1, len(p) + 1)}
        self._phrases = phrases

    # -- punctuation -------------------------------------------------------------------------
    def mark(self, char: str) -> None:
        """Take one character that is no part of a word."""
        if char in QUOTE_MARKS:
            if self.in_quote:
                self._end_quote()
            else:
                self._start_quote()
                self.marked = True
        elif char == ":" and not self.in_quote:
            self._opened = True
        elif char in ",;" and not self.in_quote:
            self._break()

    def end(self, char: str) -> None:
        """Take the end of the sentence (``char``: ``.``, ``!``, ``?`` or "" at the very end)."""
        if self._phrase and self._phrase not in self._phrases:
            self.alive = False
        self._count_alone()
        if self.in_quote:
            self.closable = self.quote_whole and _QUOTED not in self._told
            self.said.add(_QUOTED)
        if char == "?" or (self.in_quote and not self.quote_whole):
            self.alive = False

    @property
    def quote_whole(self) -> bool:
        """Whether the quotation stands at the end of a line that was read or heard."""
        return any(i in self._source.ends for i in self._quote_at)

    @property
    def goes_on(self) -> bool:
        """Whether a full stop or a new line here is inside a quotation, or right before one."""
        if self.in_quote:
            return self.marked or not self.quote_whole
        return self._opened

    def _start_quote(self) -> None:
        self.in_quote, self._quote_at = True, set()
        self.alive = bool(self._speaks) and not self._has_quoted
        self._has_quoted = True

    def _end_quote(self) -> None:
        self.in_quote, self._opened = False, False
        self.closable = self.quote_whole and _QUOTED not in self._told
        self.alive = self.alive and self.closable
        self.said.add(_QUOTED)

    def _break(self) -> None:
        """A clause ends: what binds only inside a clause is forgotten."""
        self._count_alone()
        self._negated = self._place = self._is = False
        self._determiner, self._least = "", 0

    # -- words -------------------------------------------------------------------------------
    def word(self, word: str) -> None:
        """Take one whole word (any case); sets ``alive`` and ``closable``."""
        low = word.lower().replace("\u2019", "'")
        first, self._first = self._first, False
        self.closable = False
        if self.in_quote or (self._opened and self._quotable(low)):
            self._quoted(low)
        elif first and low in ("yes", "no") and self.question.ask in ("exists", "who"):
            self._polarity(low)
        elif first and low in _QUESTION_STARTS:
            self.alive = False
        else:
            known = self._noun(low) or self._quantity(low) or self._function(low)
            self.alive = self.alive and known

    def _polarity(self, low: str) -> None:
        noun = self.question.noun or "person"
        truth = self.scene.count(noun) > 0 and noun not in self.scene.stale
        self.alive = self._answers and truth == (low == "yes")
        # A bare "No." may also mean "not known", a bare "Yes." claims to be sure.
        self.closable = self.alive and low == "yes" and noun in self.scene.sure

    def _quotable(self, low: str) -> bool:
        """After a colon: a quotation without marks, when the word starts one."""
        if low in _FUNCTION or self.scene.count(low):
            return False
        if low not in self._source.words:
            return False
        self._start_quote()
        return True

    def _quoted(self, low: str) -> None:
        source, here = self._source.words, self._quote_at
        starts = {i + 1 for i in here} if here else self._source.starts
        self._quote_at = {i for i in starts if source[i : i + 1] == [low]}
        self.alive = bool(self._quote_at)
        self._verb = True

    def _noun(self, low: str) -> bool:
        name = singular(low)
        if self.question.ask == "read" and name in _MEDIUM:
            return False  # "the sign says": the page it is written on, not a claim
        for start in (self._phrase, ()):
            for last in (low, name):
                candidate = (*start, last)
                if candidate not in self._prefixes:
                    continue
                self._phrase = candidate
                if candidate in self._phrases:
                    self._mention(" ".join(candidate), many=low != name or low == plural(name))
                return True
            if start and start not in self._phrases:
                return False  # "hot" without "dog"
        self._phrase = ()
        return self._known_by_name(low) or self._absent(low, name)

    def _known_by_name(self, low: str) -> bool:
        if low not in self.scene.names:
            return False
        self.closable = self._verb and not self._negated and low not in self._told
        self.said.add(low)
        return not self._negated

    def _absent(self, low: str, name: str) -> bool:
        """A thing asked for and not there may be denied; nothing may be denied wholesale."""
        if low in ("nothing", "anything") and (self._negated or low == "nothing"):
            self.closable = self._verb and self._answers
            sense = "heard" if self.question.ask == "heard" else "read"
            return self.scene.empty and not self.scene.quotes[sense].words
        if low in _NOBODY or (low in ("anyone", "anybody") and self._negated):
            self.closable = self._verb and self._answers
            return not self.scene.count("person")
        if self._negated and name in self.asked and name == self.question.noun:
            self.closable = self._verb and self._answers
            return True
        return False

    def _mention(self, label: str, *, many: bool) -> None:
        count = self.scene.counts[label]
        single = plural(label) == label
        agrees = single or (many == (count > 1))
        if self._number >= 0:
            agrees = self._number == count
        elif self._determiner in _ONE and not single:
            agrees = agrees and count == 1
        agrees = agrees and count >= self._least
        # "The cat is a cat" says nothing, hedged or not.
        clash = label in self.said or (
            not self._may_be(label)
            if self._is
            else any(self._same(label, m) for m in self._mentioned)
        )
        past = self._past or label not in self.scene.stale
        sure = self._hedged or label in self.scene.sure
        self.alive = agrees and past and sure and not (self._negated or self._place or clash)
        self._mentioned.append(label)
        self._last = label
        self.said.add(label)
        self._determiner, self._number, self._least = "", -1, 0
        self.closable = self._verb and self._relevant(label)

    def _may_be(self, label: str) -> bool:
        """Whether what was mentioned last is a ``label``: of two boxes neither is the other."""
        last = self._last
        kin = label in generals(last) or last in generals(label)
        boxed = self.scene.boxed | {"face", "person"}
        return kin or not (self._is_boxed(label, boxed) and self._is_boxed(last, boxed))

    def _same(self, one: str, other: str) -> bool:
        """Whether two mentions would count one thing twice ("a tabby and an Egyptian cat")."""
        if one == other:
            return True
        if self._determiner not in _ONE and self._number < 0:
            return False
        if one in generals(other) or other in generals(one):
            return True
        boxed = self.scene.boxed | {"face", "person"}
        return not (self._is_boxed(one, boxed) or self._is_boxed(other, boxed))

    def _is_boxed(self, label: str, boxed: set[str]) -> bool:
        return label in boxed or any(label in generals(name) for name in boxed)

    def _relevant(self, label: str) -> bool:
        """Whether a sentence that ends after ``label`` answers what was asked."""
        if not self._answers:
            fresh = label not in self.scene.stale or self._past
            return fresh and label not in self._told
        if self.question.ask in ("read", "heard", "where", "detail"):
            return False  # no label answers these
        if label in self.scene.stale and self.question.ask != "what":
            return False  # "there was one" needs its age
        noun = self.question.noun
        if not noun or noun in ("thing", "object") or self.question.ask == "what":
            # An answer about the whole scene names what there is most of.
            main = self.scene.main
            return not main or any(
                main == m or main in generals(m) or m in generals(main) for m in self._mentioned
            )
        return any(noun == m or noun in generals(m) for m in self._mentioned)

    def _quantity(self, low: str) -> bool:
        if low.isdigit() or low in NUMBERS:
            if self._number >= 0:
                return False
            self._number = int(low) if low.isdigit() else NUMBERS[low]
            return True
        if low in AT_LEAST:
            self._least = AT_LEAST[low]
            return True
        return False

    def _count_alone(self) -> None:
        """A number that no noun followed ("There are 5.") must be the count asked for."""
        if self._number < 0:
            return
        asked = self.question.ask == "count" and self.question.noun
        if not asked or self._number != self.scene.count(self.question.noun):
            self.alive = False
        else:
            self.closable = self._answers
        self._number = -1

    def _function(self, low: str) -> bool:
        if self._number >= 0 and low not in ("of", "visible", "total"):
            return False
        if low in _NEGATORS or low.endswith("n't"):
            self._negated = True
            return True
        stem = low[:-2] if low.endswith(("'s", "'m")) else low.removesuffix("'re")
        if stem in _MEDIUM or singular(stem) in _MEDIUM:
            self._place, self._determiner = False, ""
            return True
        self._past = self._past or low in _PAST
        self._speaks = low if low in _SPEAKS[self.question.ask == "heard"] else self._speaks
        if self.question.ask == "heard" and low in _SIGHT:
            return False
        if low in _PLACES:
            self._place = True
        if low in _HEDGES:
            self._mentioned.clear()
        self._hedged = self._hedged or low in _HEDGES or low in _DOUBTS
        if low == "and":
            self._is, self._last = False, ""
        self._is = self._is or (low in _IS and self._last != "")
        if low == "but":
            self._break()
        if low in _ONE or low in ("the", "these", "those", "this", "that"):
            self._determiner = low
        self._verb = (
            self._verb or low in _VERBS or (stem in ("there", "it", "that") and stem != low)
        )
        return low in _FUNCTION or low in _PLACES or stem in _FUNCTION
