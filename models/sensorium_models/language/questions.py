"""What a question is about: the surroundings (and which part of them), or anything else.

Pattern rules in English. They favour "not about the surroundings" when in doubt: such a reply
still passes the check of sentences that claim perception.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from .lexicon import singular, visible_nouns

Ask = Literal["what", "read", "heard", "count", "exists", "who", "where", "detail"]

_READABLE = (
    r"(?:sign|page|label|screen|board|whiteboard|note|paper|text|card|poster|book|letter|display|"
    r"cover|box|shirt|t-shirt|banner|menu|ticket|receipt|picture|image|photo|line|headline|title|"
    r"document|sheet|package|bottle|button|plate|writing|words?)"
)
_DEICTIC = r"(?:this|that|it|these|those|the|what|me|my|out|aloud|for|to)"
_READ = re.compile(
    rf"^(?:(?:please|now|ok(?:ay)?|hey|and|then|so)[, ]+)*read\b(?! minds?\b)|"
    rf"\b(?:can|could|will|would) you (?:please )?read {_DEICTIC}\b|"
    rf"\bplease read\b|"
    rf"\bwhat (?:does|do|did) (?:it|this|that|these|those|(?:the|this|that|my) {_READABLE}s?) "
    rf"(?:say|read)|"
    rf"\bwhat(?: is|'s| was) (?:written|printed)\b|"
    rf"\bwhat(?: is|'s) (?:the|this|that) (?:text|writing|word|headline|title)\b|"
    rf"\bwhat (?:text|words?)\b.*\b(?:see|here|there|on|in)\b|"
    rf"\b(?:text|writing|words?) (?:on|in) (?:the|this|that|my) {_READABLE}s?\b|"
    rf"\b(?:is|are) there any (?:text|writing|words)\b|"
    rf"\bwhat can you read\b",
    re.IGNORECASE,
)
_FIELD = (
    r"(?:(?:grand |net |sub ?|in(?:voice)? )?total(?: amount| due)?|amount(?: due| to pay)?|"
    r"subtotal|net amount|"
    r"sum|vat|(?:sales )?tax|due date|deadline|invoice (?:no\.?|number|date|#|total)|"
    r"issued|due|payable by|(?:issue )?date(?: of birth| of issue)?|customer|client|bill to|"
    r"billed to|(?:full )?name|applicant|birthday|street|(?:e-?mail )?address|town|city|postcode|"
    r"(?:tele)?phone(?: number)?|e-?mail|employer|reference(?: number)?|signed on|signature date|"
    r"title of the (?:page|document|form))"
)
_PAPER = r"(?:page|invoice|form|bill|receipt|document|table|paper|letter|contract)"
_PAGE = re.compile(
    rf"\b(?:what|who|when|which)(?: is|'s| was| are) (?:the |it )?{_FIELD}"
    rf"(?: (?:on|of|in) (?:the|this|that) {_PAPER})?\W*$|"
    r"\bwhat(?: is|'s| are| was) the (?:price|amount|cost|qty|quantity|\d{4}) (?:of|for) |"
    r"\bhow much (?:is|was) the (?:total|tax|vat|bill|invoice|subtotal)\b|"
    r"\bhow much (?:do|must|should) (?:i|we) (?:have to )?(?:pay|owe)\W*$|"
    r"\bwhen (?:is|was|must) (?:it|this|the (?:invoice|bill|payment)) (?:be )?"
    r"(?:due|paid|issued|dated|signed)\b|"
    rf"\b(?:what|who|when|which|how much|how many|where)\b.*\b(?:on|in|of|by|does|is) "
    rf"(?:the|this|that) {_PAPER}\b(?! say| read)",
)
_PAST_READING = re.compile(r"\b(?:have|had|has|did|do|does) (?:you|i|he|she|they) (?:ever )?read\b")
_MADE = re.compile(
    r"\b(?:draw|paint|make|take|generate|create|write|imagine|produce|sketch|send)\b.*"
    r"\b(?:picture|image|photo|scene)\b"
)
_IDIOM = re.compile(
    r"\b(?:see|seeing) (?:what i mean|why|how|you (?:later|soon|tomorrow)|the point|if)\b|"
    r"\bhear(?:d)? (?:about|of|from|that)\b|\bbig picture\b|\bpicture (?:yourself|a|an)\b"
)
_MEDIUM = r"(?:picture|image|photo|photograph|scene|camera|view|frame|room|video|webcam)"
_SCENE = re.compile(
    rf"\b(?:in|on|about|describe|from) (?:the|this|that|your|my) {_MEDIUM}\b|"
    rf"\b(?:the|this) {_MEDIUM} (?:show|contain|have|depict)|\bdescribe (?:what|the {_MEDIUM})|"
    rf"\bwhat (?:{_MEDIUM}) is this\b|\bwhat does (?:the|this) {_MEDIUM}\b|"
    r"\b(?:do|can|could|did|are) you (?:still |now |also )?"
    r"(?:see|seeing|hear|hearing|notice|spot|recogni[sz]e|looking)\b|"
    r"\b(?:what|who|which|how many)\b.*\byou(?:'re| are| do| can)? "
    r"(?:see|seeing|hear|hearing|looking at|saw|heard)\b|"
    r"\b(?:what|who)(?: is|'s| are|'re) "
    r"(?:this|that|these|those|there|here|it)(?: thing| object| person)?(?: now| here)?\W*$|"
    r"\bwhat (?:kind|sort|type|breed) of [\w ]+ (?:is|are) (?:this|that|it|these)\W*$|"
    r"\bwhat (?:animal|object|thing|breed|bird|dog|cat|food) (?:is|are) (?:this|that|it|these)\b|"
    r"\bin front of (?:you|me|us|the camera)\b|\b(?:around|behind|near|beside) (?:you|me|us)\b|"
    r"\bwhat(?: is|'s| are) (?:there )?(?:on|under|behind|beside|next to|inside|in) "
    r"(?:the|this|that|my|your) (?:table|desk|floor|wall|shelf|bed|couch|chair|left|right|middle|"
    r"screen|box|bag|hands?|background|foreground|plate|bowl|cup|window)\W*$|"
    r"\b(?:am|are) (?:i|we) (?:holding|wearing|showing|pointing)\b|\bwhere (?:am i|are we)\W*$|"
    r"\blook at (?:this|that|me|it)\b|\bwhat (?:was|is) that (?:sound|noise)\b|"
    r"\bwho is (?:speaking|talking)\b|\bis (?:anyone|anybody|someone|somebody) (?:there|here)\b",
)
_HERE = (
    r"(?:\W*$|\W+(?:here|there|now|right now|visible|in the room|in view|(?:in|on) "
    rf"(?:the|this|that|your|my) {_MEDIUM}|in front of|around|near|that you|do you|can you|you))"
)
_COUNT = re.compile(
    r"\bhow many (?P<x>[a-z]+(?: [a-z]+)?)(?: are| is| do| can| did)"
    r"(?: there| here| you see| you hear| visible| in (?:the|this) \w+| i have here)+"
    r"(?: right now| now| here)?\W*$|\bhow many (?P<y>[a-z]+(?: [a-z]+)?)\W*$|"
    r"\bcount the (?P<z>[a-z]+(?: [a-z]+)?)\b"
)
_EXISTS = re.compile(
    r"\b(?:is|are) there (?:still )?(?:(?:a|an|any|some|no|another|one|two|three) )?"
    rf"(?P<x>[a-z]+(?: [a-z]+)?){_HERE}|"
    r"\b(?:do|can|could|did) you (?:see|notice|spot|hear) (?:(?:a|an|any|some|the|my) )?"
    r"(?P<y>[a-z]+(?: [a-z]+)?)\b|"
    r"\b(?:is|are) (?:this|that|it|these|those) (?:(?:a|an|really a) )?"
    r"(?P<z>[a-z]+(?: [a-z]+)?)\W*$"
)
_WHERE = re.compile(r"\bwhere(?: is|'s| are) (?:the|my|your|a|that) (?P<x>[a-z]+(?: [a-z]+)?)\b")
_DETAIL = re.compile(
    r"\bwhat colou?r (?:is|are) (?:the|this|that|my|these)\b ?(?P<x>[a-z]*)|"
    r"\bwhat (?:is|are) (?:the|this|that|these) (?P<y>[a-z]+) (?:doing|wearing|holding|eating)\b|"
    r"\bhow (?:old|big|tall|far) is (?:the|this|that) (?P<z>[a-z]+)\W*$"
)
_IT = r"(?:it|its|he|his|she|her|they|their|them|this|that|these|those)"
_ATTRIBUTE = re.compile(
    rf"\bwhat (?:colou?r|shape|size|brand|breed|kind|sort|type|age|material)s?\b.*\b{_IT}\b|"
    rf"\bhow (?:old|big|tall|far|heavy|large|small|long|fast)\b (?:is|are|was|were) {_IT}\b|"
    rf"\bwhat (?:is|are|was|were) {_IT} (?:doing|wearing|holding|eating|made|looking|saying)\b|"
    rf"\bwhere (?:is|are) {_IT}\W*$"
)
_POINTS = re.compile(
    rf"\b(?:is|are|was|were|does|do|did|has|have|can) {_IT}\b|{_ATTRIBUTE.pattern}"
)
_WHO = re.compile(r"\bwho(?: is|'s| are| am| do| can)\b|\b(?:anyone|anybody|someone|somebody)\b")
_HEARD = re.compile(r"\b(?:hear|heard|hearing|sound|noise|speaking|talking|microphone)\b")
_NO_NOUN = {"me", "it", "us", "this", "that", "what", "there", "here", "now", "anything", "you"}


@dataclass(frozen=True, slots=True)
class Question:
    """A question about the surroundings: what it asks, and about which noun (may be "")."""

    ask: Ask
    noun: str = ""


def asks_to_read(text: str) -> bool:
    """Whether ``text`` asks for what is written in view ("read this", "what does it say?")."""
    low = _low(text)
    return bool(_READ.search(low)) and not _PAST_READING.search(low)


def asks_page(text: str) -> bool:
    """Whether ``text`` asks for what a page says: a field of an invoice or a form, a table's cell.

    "What is the total?", "when is it due?", "what is the price of the desk lamp?", and whatever
    ends in "on this page".
    """
    low = _low(text)
    if _MADE.search(low) or asks_to_read(low) or _SCENE.search(low):
        return False
    return bool(_PAGE.search(low))


def is_scene_question(text: str, *, in_view: bool = False) -> bool:
    """Whether an answer must come from the percepts: what is seen, heard or read here, now.

    ``in_view``: something visible is known, so that "it" may well point at it.
    """
    low = _low(text)
    if asks_to_read(low):
        return True
    if in_view and _POINTS.search(low):
        return True
    if _MADE.search(low) or _IDIOM.search(low):
        return False
    if _SCENE.search(low):
        return True
    return any(_subject(pattern, low, visible=True) for pattern in (_COUNT, _EXISTS, *_ABOUT))


_ABOUT = (_WHERE, _DETAIL)


def parse_question(text: str) -> Question:
    """What a scene question asks. Text that fits no pattern asks "what"."""
    low = _low(text)
    if asks_to_read(low):
        return Question("read")
    if noun := _subject(_COUNT, low):
        return Question("count", noun)
    if noun := _subject(_DETAIL, low):
        return Question("detail", noun)
    if _ATTRIBUTE.search(low):
        return Question("detail")
    if noun := _subject(_WHERE, low):
        return Question("where", noun)
    if re.search(r"\bwhere (?:am i|are we)\b", low):
        return Question("where")
    if _HEARD.search(low):
        return Question("heard")
    if re.search(r"\b(?:see|spot|notice) (?:me|us)\b", low):
        return Question("exists", "person")
    if noun := _subject(_EXISTS, low):
        return Question("exists", noun)
    return Question("who") if _WHO.search(low) else Question("what")


def _subject(pattern: re.Pattern[str], low: str, *, visible: bool = False) -> str:
    """The noun a pattern caught, singular; "" when it caught none (or none that can be seen)."""
    found = pattern.search(low)
    caught = next((g for g in found.groups() if g), "") if found else ""
    parts = caught.split()
    nouns = visible_nouns()
    for size in (2, 1):
        name = (
            " ".join([*parts[: size - 1], singular(parts[size - 1])]) if len(parts) >= size else ""
        )
        if name in nouns or name == "people":
            return name
    if visible or not parts or parts[0] in _NO_NOUN:
        return ""
    return singular(parts[0])


def _low(text: str) -> str:
    return " ".join(text.lower().replace("\u2019", "'").split())
