"""What the documents say: invented people, firms, goods and sentences."""

from __future__ import annotations

from sensorium_sims.world.sampling import Rng

FIRST = [
    "Ada",
    "Alan",
    "Grace",
    "Emmy",
    "Niels",
    "Marie",
    "Otto",
    "Vera",
    "Hugo",
    "Lena",
    "Ivan",
    "Nora",
    "Paul",
    "Rosa",
    "Tom",
    "Zoe",
    "Ines",
    "Omar",
    "Yuki",
    "Sven",
    "Clara",
    "Amir",
    "Dora",
    "Felix",
]
LAST = [
    "Noether",
    "Turing",
    "Hopper",
    "Bohr",
    "Curie",
    "Weber",
    "Lang",
    "Silva",
    "Rossi",
    "Novak",
    "Klein",
    "Moreau",
    "Haddad",
    "Tanaka",
    "Berg",
    "Costa",
    "Popov",
    "Jansen",
    "Meyer",
    "Okafor",
    "Fischer",
    "Lindqvist",
]
TRADES = [
    "Instruments",
    "Supplies",
    "Textiles",
    "Foods",
    "Logistics",
    "Optics",
    "Paper",
    "Tools",
    "Works",
    "Books",
]
FORMS = ["Ltd", "GmbH", "Inc", "SA", "Co"]
STREETS = [
    "Mill",
    "Station",
    "Church",
    "River",
    "Park",
    "Garden",
    "North",
    "Bridge",
    "Harbour",
    "Hill",
]
TOWNS = [
    "Aston",
    "Brunn",
    "Calden",
    "Dorset",
    "Elmhaven",
    "Furth",
    "Graben",
    "Holt",
    "Ilsen",
    "Kirby",
]
GOODS = [
    "Copper wire",
    "Desk lamp",
    "Blue paint",
    "Steel bolt",
    "Glass jar",
    "Cotton thread",
    "Oak shelf",
    "Ink cartridge",
    "Paper roll",
    "Rubber seal",
    "Garden hose",
    "Wool blanket",
    "Brass hinge",
    "Tin box",
    "Silk ribbon",
    "Clay pot",
    "Lead pencil",
    "Linen cloth",
    "Iron hook",
    "Cork board",
]
SUBJECTS = [
    "The harbour",
    "Our survey",
    "A second trial",
    "The old mill",
    "Each sample",
    "The committee",
    "Heavy rain",
    "The northern line",
    "A small team",
    "This method",
    "The garden",
    "Early work",
]
VERBS = [
    "shows",
    "confirms",
    "changed",
    "replaced",
    "describes",
    "measured",
    "follows",
    "improved",
    "reports",
    "delayed",
]
OBJECTS = [
    "the earlier results",
    "a clear trend",
    "the new schedule",
    "most of the costs",
    "two further cases",
    "the water level",
    "a simple rule",
    "the public records",
    "the winter season",
    "an open question",
]
ENDS = [
    "in the first year",
    "without delay",
    "for all groups",
    "near the coast",
    "by a wide margin",
    "as expected",
    "since the spring",
    "under normal load",
    "after ten days",
    "on both sides",
]
HEADINGS = [
    "Summary",
    "Background",
    "Methods",
    "Results",
    "Discussion",
    "Outlook",
    "Notes",
    "Materials",
]
MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]


def pick(rng: Rng, values: list[str]) -> str:
    """One of them."""
    return values[int(rng.integers(len(values)))]


def person(rng: Rng) -> str:
    """``Ada Weber``."""
    return f"{pick(rng, FIRST)} {pick(rng, LAST)}"


def firm(rng: Rng) -> str:
    """``Novak Optics Ltd``."""
    return f"{pick(rng, LAST)} {pick(rng, TRADES)} {pick(rng, FORMS)}"


def street(rng: Rng) -> str:
    """``12 Mill Road``."""
    return f"{rng.integers(1, 200)} {pick(rng, STREETS)} {pick(rng, ['Road', 'Street', 'Lane'])}"


def town(rng: Rng) -> str:
    """``40213 Holt``."""
    return f"{rng.integers(10000, 99999)} {pick(rng, TOWNS)}"


def date(rng: Rng) -> str:
    """In one of three written forms."""
    year, month, day = rng.integers(2015, 2031), int(rng.integers(12)), int(rng.integers(1, 29))
    return (
        f"{year}-{month + 1:02}-{day:02}",
        f"{day} {MONTHS[month]} {year}",
        f"{day:02}/{month + 1:02}/{year}",
    )[int(rng.integers(3))]


def code(rng: Rng, prefix: str) -> str:
    """``INV-40213``."""
    return f"{prefix}-{rng.integers(10000, 99999)}"


def money(cents: int) -> str:
    """``1,204.50``."""
    return f"{cents / 100:,.2f}"


def sentence(rng: Rng) -> str:
    """``The harbour shows a clear trend in the first year.``"""
    return " ".join(pick(rng, part) for part in (SUBJECTS, VERBS, OBJECTS, ENDS)) + "."


def prose(rng: Rng, count: int) -> str:
    """Some sentences."""
    return " ".join(sentence(rng) for _ in range(count))
