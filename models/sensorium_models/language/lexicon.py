"""Words: plurals, articles, what a label may be called, and which words claim nothing.

The labels are the 80 of COCO (Lin et al., 2014) and the breeds of ImageNet (Russakovsky et al.,
2015), whose general word ("cat" for "tabby") a listener expects.
"""

from __future__ import annotations

import re
from functools import lru_cache


def word_list(text: str) -> list[str]:
    """The words of a space-separated ``text``, in order."""
    return text.split()


def word_set(text: str) -> frozenset[str]:
    """The words of a space-separated ``text``."""
    return frozenset(text.split())


COCO_LABELS: tuple[str, ...] = tuple(
    """person|bicycle|car|motorcycle|airplane|bus|train|truck|boat|traffic light|fire hydrant|
    stop sign|parking meter|bench|bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|
    backpack|umbrella|handbag|tie|suitcase|frisbee|skis|snowboard|sports ball|kite|baseball bat|
    baseball glove|skateboard|surfboard|tennis racket|bottle|wine glass|cup|fork|knife|spoon|bowl|
    banana|apple|sandwich|orange|broccoli|carrot|hot dog|pizza|donut|cake|chair|couch|
    potted plant|bed|dining table|toilet|tv|laptop|mouse|remote|keyboard|cell phone|microwave|oven|
    toaster|sink|refrigerator|book|clock|vase|scissors|teddy bear|hair drier|toothbrush""".replace(
        "\n    ", ""
    ).split("|")
)

_IRREGULAR = {
    "person": "people",
    "man": "men",
    "woman": "women",
    "child": "children",
    "mouse": "mice",
    "goose": "geese",
    "foot": "feet",
    "tooth": "teeth",
    "knife": "knives",
    "wolf": "wolves",
    "leaf": "leaves",
    "shelf": "shelves",
    "sheep": "sheep",
    "fish": "fish",
    "broccoli": "broccoli",
    "skis": "skis",
    "scissors": "scissors",
    "something": "things",
}
_SINGULAR = {many: one for one, many in _IRREGULAR.items()} | {"persons": "person"}
_PAIRS = {"skis", "scissors"}  # plural in form: "a pair of scissors"
_UNCOUNTED = {"broccoli"}
_VOWEL_SOUND = re.compile(r"^(?:[aeio]|u(?!n[ai]|s[aeiou]|ten)|hour|8|11\b|18\b)", re.IGNORECASE)

NUMBERS = {
    word: n
    for n, word in enumerate(
        word_list("zero one two three four five six seven eight nine ten eleven twelve")
    )
} | {"single": 1, "couple": 2, "pair": 2, "both": 2}
AT_LEAST = {"multiple": 2, "few": 2, "several": 3, "group": 3, "bunch": 3, "many": 4, "crowd": 4}

_GENERAL = {
    "cat": "tabby|tiger cat|persian cat|siamese cat|egyptian cat|kitten|siamese|persian",
    "dog": """chihuahua|japanese spaniel|maltese dog|maltese|pekinese|shih-tzu|blenheim spaniel|
    papillon|toy terrier|rhodesian ridgeback|afghan hound|basset|beagle|bloodhound|bluetick|
    black-and-tan coonhound|walker hound|english foxhound|redbone|borzoi|irish wolfhound|
    italian greyhound|whippet|ibizan hound|norwegian elkhound|otterhound|saluki|scottish deerhound|
    weimaraner|staffordshire bullterrier|american staffordshire terrier|bedlington terrier|
    border terrier|kerry blue terrier|irish terrier|norfolk terrier|norwich terrier|
    yorkshire terrier|wire-haired fox terrier|lakeland terrier|sealyham terrier|airedale|cairn|
    australian terrier|dandie dinmont|boston bull|miniature schnauzer|giant schnauzer|
    standard schnauzer|scotch terrier|tibetan terrier|silky terrier|soft-coated wheaten terrier|
    west highland white terrier|lhasa|flat-coated retriever|curly-coated retriever|
    golden retriever|labrador retriever|chesapeake bay retriever|german short-haired pointer|vizsla|
    english setter|irish setter|gordon setter|brittany spaniel|clumber|english springer|
    welsh springer spaniel|cocker spaniel|sussex spaniel|irish water spaniel|kuvasz|schipperke|
    groenendael|malinois|briard|kelpie|komondor|old english sheepdog|shetland sheepdog|collie|
    border collie|bouvier des flandres|rottweiler|german shepherd|doberman|miniature pinscher|
    greater swiss mountain dog|bernese mountain dog|appenzeller|entlebucher|boxer|bull mastiff|
    tibetan mastiff|french bulldog|great dane|saint bernard|eskimo dog|malamute|siberian husky|
    dalmatian|affenpinscher|basenji|pug|leonberg|newfoundland|great pyrenees|samoyed|pomeranian|
    chow|keeshond|brabancon griffon|pembroke|cardigan|toy poodle|miniature poodle|standard poodle|
    mexican hairless|puppy""",
    "bird": """cock|hen|ostrich|brambling|goldfinch|house finch|junco|indigo bunting|robin|bulbul|
    jay|magpie|chickadee|water ouzel|bald eagle|vulture|great grey owl|black grouse|ptarmigan|
    ruffed grouse|prairie chicken|peacock|quail|partridge|african grey|macaw|
    sulphur-crested cockatoo|lorikeet|coucal|bee eater|hornbill|hummingbird|jacamar|toucan|drake|
    red-breasted merganser|goose|black swan|white stork|black stork|spoonbill|flamingo|
    little blue heron|american egret|bittern|limpkin|european gallinule|american coot|bustard|
    ruddy turnstone|red-backed sandpiper|redshank|dowitcher|oystercatcher|pelican|king penguin|
    albatross""",
    "car": "sports car|convertible|cab|minivan|limousine|jeep|beach wagon|racer|model t",
    "truck": "pickup|moving van|fire engine|garbage truck|tow truck|trailer truck",
    "bicycle": "mountain bike|bicycle-built-for-two",
    "computer": "laptop|notebook|desktop computer",
    "animal": """bird|cat|dog|horse|sheep|cow|elephant|bear|zebra|giraffe|brown bear|
    american black bear|ice bear|lion|tiger|leopard|baboon|gorilla|chimpanzee|macaque""",
    "vehicle": "car|truck|bus|train|motorcycle|airplane|boat|bicycle",
    "phone": "cell phone",
    "television": "tv",
    "bike": "bicycle",
    "plane": "airplane",
    "sofa": "couch",
    "someone": "person",
    "somebody": "person",
    "human": "person",
    "fruit": "banana|apple|orange",
}
_PARENTS: dict[str, list[str]] = {}
for _word, _labels in _GENERAL.items():
    for _label in _labels.replace("\n    ", "").split("|"):
        _PARENTS.setdefault(_label, []).append(_word)

# Their last word names something else: a hot dog is no dog.
_MISLEADING = {
    *("hot dog", "hotdog", "teddy bear", "teddy", "sea lion", "guinea pig", "sea cucumber"),
    *("ice cream", "web site", "space bar", "prairie dog", "american coot", "african grey"),
}


def normal(label: str) -> str:
    """``label`` as one lower-case name: the first of "tabby, tabby cat", no underscores."""
    return label.split(",")[0].replace("_", " ").strip().lower()


def display(label: str) -> str:
    """``label`` as it is written in a reply: capitals of names such as "Egyptian" stay."""
    return label.split(",")[0].replace("_", " ").strip()


def plural(noun: str) -> str:
    """The plural of ``noun``, which may be several words: the last one changes."""
    *head, last = noun.split(" ")
    low = last.lower()
    if low in _IRREGULAR:
        last = _IRREGULAR[low]
    elif re.search(r"(s|x|z|ch|sh)$", low):
        last += "es"
    elif re.search(r"[^aeiou]y$", low):
        last = last[:-1] + "ies"
    elif low in {"potato", "tomato"}:
        last += "es"
    else:
        last += "s"
    return " ".join([*head, last])


@lru_cache(maxsize=4096)
def singular(word: str) -> str:
    """The singular of one lower-case ``word``; a word that is no plural stays."""
    known = _known_plurals().get(word)
    if known is not None:
        return known
    if len(word) < 4 or word.endswith(("ss", "us", "is")):
        return "tv" if word == "tvs" else word
    if word.endswith("ies"):
        return word[:-3] + "y"
    if re.search(r"(s|x|z|ch|sh|oto|ato)es$", word):
        return word[:-2]
    return word[:-1] if word.endswith("s") else word


@lru_cache(maxsize=1)
def _known_plurals() -> dict[str, str]:
    """Plural -> singular for the last word of every label, where rules would err ("ties")."""
    nouns = {name.split(" ")[-1] for name in (*COCO_LABELS, *_PARENTS, *_GENERAL)}
    return {plural(noun): noun for noun in nouns} | _SINGULAR


def with_article(noun: str) -> str:
    """``noun`` after "a" or "an"; pairs and uncounted things as English has them."""
    last = noun.split(" ")[-1].lower()
    if last in _PAIRS:
        return f"a pair of {noun}"
    if last in _UNCOUNTED:
        return f"some {noun}"
    return f"{'an' if _VOWEL_SOUND.match(noun) else 'a'} {noun}"


def counted(noun: str, count: int) -> str:
    """``noun`` with its number: "a cat", "3 people", "2 traffic lights"."""
    if count == 1:
        return with_article(noun)
    if noun.split(" ")[-1].lower() in _PAIRS:
        return f"{count} pairs of {noun}"
    return f"{count} {plural(noun)}"


def listed(parts: list[str], word: str = "and") -> str:
    """ "a", "a and b", "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {word} {parts[-1]}"


@lru_cache(maxsize=4096)
def generals(label: str) -> tuple[str, ...]:
    """What else a thing called ``label`` (normalised) truly is: tabby -> cat, animal."""
    found: list[str] = []
    queue = [label]
    while queue:
        name = queue.pop(0)
        parents = list(_PARENTS.get(name, ()))
        head = name.split(" ")[-1]
        if " " in name and name not in _MISLEADING:
            parents.append(head)
        fresh = [p for p in parents if p != label and p not in found]
        found += fresh
        queue += fresh
    return tuple(found)


@lru_cache(maxsize=1)
def visible_nouns() -> frozenset[str]:
    """Nouns that a question about the surroundings may be about (singular, head words too)."""
    names = set(COCO_LABELS) | set(_PARENTS) | set(_GENERAL)
    heads = {n.split(" ")[-1] for n in COCO_LABELS}
    extra = word_set(
        "man woman child boy girl kid baby face thing object pet text word door window"
    )
    return frozenset(names | heads | extra)
