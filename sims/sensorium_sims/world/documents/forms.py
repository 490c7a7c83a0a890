"""Forms in three layouts, and pages of columns in three."""

from __future__ import annotations

from sensorium_sims.world.documents import contents
from sensorium_sims.world.documents.pen import Pen
from sensorium_sims.world.sampling import Rng

TITLES = ["Application for membership", "Change of address", "Travel claim", "Visitor record"]
BOXES = ["New", "Renewal", "Urgent", "By post", "By e-mail"]


def draw_form(pen: Pen, rng: Rng, template: str) -> None:
    """``lines`` (values on ruled lines), ``boxes`` (below small keys) or ``grid`` (two columns)."""
    with pen.region("title"):
        pen.write(300, 48, contents.pick(rng, TITLES), size=20, bold=True, align="centre")
    with pen.region("text"):
        pen.paragraph(50, 90, 500, contents.prose(rng, 2), size=11)
    name = contents.person(rng)
    mail = f"{name.split()[1].lower()}@{contents.pick(rng, contents.TOWNS).lower()}.example"
    facts = [
        ("name", "Name:", name),
        ("birth", "Date of birth:", contents.date(rng)),
        ("street", "Street:", contents.street(rng)),
        ("town", "Town:", contents.town(rng)),
        ("phone", "Telephone:", f"0{rng.integers(100, 999)} {rng.integers(100000, 999999)}"),
        ("email", "E-mail:", mail),
        ("employer", "Employer:", contents.firm(rng)),
        ("reference", "Reference:", contents.code(rng, "REF")),
        ("signed", "Signed on:", contents.date(rng)),
    ]
    order = rng.permutation(len(facts) - 1)[: int(rng.integers(5, len(facts)))]
    chosen = [facts[i] for i in sorted(order)] + [facts[-1]]
    for place, (label, key, value) in enumerate(chosen):
        _entry(pen, template, place, label, key, value)
    rows = (len(chosen) + 1) // 2 if template == "grid" else len(chosen)
    y = 150 + rows * (52 if template != "lines" else 40) + 16
    for place, text in enumerate(BOXES[: int(rng.integers(2, 5))]):
        _checkbox(pen, 50 + 120 * place, y, text, ticked=bool(rng.random() < 0.4))


def _entry(pen: Pen, template: str, place: int, label: str, key: str, value: str) -> None:
    if template == "lines":
        y = 150 + 40 * place
        pen.pair(50, y, label, key, value, value_x=180)
        pen.line(175, y + 20, 550, y + 20)
    elif template == "boxes":
        y = 150 + 52 * place
        pen.frame(45, y - 4, 555, y + 40)
        pen.pair(52, y, label, key, value, below=True, bold_key=True)
    else:
        x, y = 50 + 260 * (place % 2), 150 + 52 * (place // 2)
        pen.frame(x - 5, y - 4, x + 245, y + 40)
        pen.pair(x, y, label, key, value, below=True, bold_key=True)


def _checkbox(pen: Pen, x: float, y: float, text: str, *, ticked: bool) -> None:
    pen.frame(x, y + 2, x + 12, y + 14)
    if ticked:
        pen.line(x + 2, y + 4, x + 10, y + 12, thick=2)
        pen.line(x + 10, y + 4, x + 2, y + 12, thick=2)
    with pen.region("checkbox"):
        pen.write(x + 18, y, text)


def draw_columns(pen: Pen, rng: Rng, template: str) -> None:
    """``two``, ``two-wide-title`` or ``sidebar``: read down a column, then the next one."""
    with pen.region("title"):
        at, align = (50.0, "left") if template == "sidebar" else (300.0, "centre")
        title = (
            f"{contents.pick(rng, contents.SUBJECTS)} and {contents.pick(rng, contents.OBJECTS)}"
        )
        pen.write(at, 44, title, size=19, bold=True, align="left" if align == "left" else "centre")
    top = 90.0
    if template == "two-wide-title":
        with pen.region("text"):
            top = pen.paragraph(50, 84, 500, contents.prose(rng, 4), size=12) + 14
    columns = [(50, 150), (230, 320)] if template == "sidebar" else [(50, 238), (312, 238)]
    headings = [contents.HEADINGS[i] for i in rng.permutation(len(contents.HEADINGS))]
    for x, width in columns:
        y = top
        while y < 640:
            with pen.region("heading"):
                pen.write(x, y, headings.pop() if headings else "Notes", size=13, bold=True)
            with pen.region("text"):
                count = int(rng.integers(3, 6))
                y = pen.paragraph(x, y + 20, width, contents.prose(rng, count), size=11) + 10
    with pen.region("footer"):
        pen.write(300, 775, str(rng.integers(1, 400)), size=10, align="centre")
