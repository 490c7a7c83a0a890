"""Invoices in four layouts."""

from __future__ import annotations

from sensorium_sims.world.documents import contents
from sensorium_sims.world.documents.pen import Align, Pen
from sensorium_sims.world.documents.tables import Style, draw_table
from sensorium_sims.world.sampling import Rng

KEYS = {
    "number": ("Invoice no.:", "Invoice number:", "Invoice #:"),
    "date": ("Date:", "Invoice date:", "Issued:"),
    "due": ("Due:", "Due date:", "Payable by:"),
    "customer": ("Bill to:", "Customer:", "Client:"),
    "tax": ("VAT:", "Tax:", "Sales tax:"),
    "subtotal": ("Subtotal:", "Net amount:", "Sum:"),
    "total": ("Total:", "Amount due:", "Total due:"),
}


def _key(rng: Rng, label: str) -> str:
    return contents.pick(rng, list(KEYS[label]))


def draw_invoice(pen: Pen, rng: Rng, template: str) -> None:
    """``classic``, ``banner``, ``ledger`` or ``letter``: who bills, whom, for what, how much."""
    y = _head(pen, rng, template)
    rows, subtotal = _lines(rng)
    style = {
        "classic": Style(ruled=True),
        "banner": Style(header=(52, 74, 110), header_ink=(255, 255, 255)),
        "ledger": Style(banded=True),
        "letter": Style(ruled=False, header=None),
    }[template]
    columns = ["Item", "Qty", "Price", "Amount"]
    y = draw_table(pen, 50, y, [250, 60, 90, 100], [columns, *rows], style=style) + 16
    rate = (7, 10, 19, 20)[int(rng.integers(4))]
    tax = round(subtotal * rate / 100)
    x, value_x = (60, 210) if template == "letter" else (350, 545)
    align: Align = "left" if template == "letter" else "right"
    for label, cents in (("subtotal", subtotal), ("tax", tax), ("total", subtotal + tax)):
        key = _key(rng, label)
        pen.pair(x, y, label, key, contents.money(cents), value_x=value_x, align=align,
                 bold_key=label == "total")  # fmt: skip
        y += 22
    with pen.region("footer"):
        pen.write(300, 750, f"Thank you for your order. {contents.firm(rng)}", size=10,
                  align="centre")  # fmt: skip


def _lines(rng: Rng) -> tuple[list[list[str]], int]:
    goods = [contents.GOODS[i] for i in rng.permutation(len(contents.GOODS))]
    rows, subtotal = [], 0
    for name in goods[: int(rng.integers(3, 8))]:
        count, price = int(rng.integers(1, 20)), int(rng.integers(50, 9000))
        subtotal += count * price
        rows.append([name, str(count), contents.money(price), contents.money(count * price)])
    return rows, subtotal


def _head(pen: Pen, rng: Rng, template: str) -> float:
    seller = contents.firm(rng)
    facts = [("number", contents.code(rng, "INV")), ("date", contents.date(rng)),
             ("due", contents.date(rng))]  # fmt: skip
    if template == "banner":
        pen.fill(0, 0, 600, 84, (52, 74, 110))
        with pen.region("title"):
            pen.write(50, 28, f"INVOICE {seller}", size=22, bold=True, ink=(255, 255, 255))
        for place, (label, value) in enumerate(facts):
            pen.pair(50 + 175 * place, 112, label, _key(rng, label), value, below=True,
                     bold_key=True)  # fmt: skip
        pen.pair(50, 165, "customer", _key(rng, "customer"), contents.person(rng))
        return 205
    with pen.region("title"):
        centred = template == "ledger"
        pen.write(300 if centred else 50, 44, seller, size=20, bold=True,
                  align="centre" if centred else "left")  # fmt: skip
    with pen.region("text"):
        pen.write(50, 84, contents.street(rng), size=11)
        pen.write(50, 100, contents.town(rng), size=11)
    if template == "letter":
        pen.pair(50, 150, "customer", _key(rng, "customer"), contents.person(rng), below=True)
        for place, (label, value) in enumerate(facts):
            pen.pair(50, 205 + 22 * place, label, _key(rng, label), value, value_x=200)
        return 290
    if template == "classic":  # left before right
        pen.pair(50, 140, "customer", _key(rng, "customer"), contents.person(rng), below=True)
        for place, (label, value) in enumerate(facts):
            y = 140 + 22 * place
            pen.pair(330, y, label, _key(rng, label), value, value_x=545, align="right")
        return 245
    for place, (label, value) in enumerate(facts):
        pen.pair(50, 140 + 22 * place, label, _key(rng, label), value, value_x=190)
    pen.pair(50, 206, "customer", _key(rng, "customer"), contents.person(rng), value_x=190)
    return 245
