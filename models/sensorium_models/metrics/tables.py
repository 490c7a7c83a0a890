"""TEDS: likeness of two tables as trees of HTML (Zhong et al., PubTabNet, 2020)."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

from sensorium.errors import BadInput, MissingDependency
from sensorium_models.metrics.reading import edit_share

_ROWS = frozenset(("thead", "tbody", "tfoot", "tr"))
_CELLS = frozenset(("td", "th"))


class Node:
    """An element of a table; ``children`` in order. Header cells are cells: th counts as td."""

    def __init__(self, tag: str, columns: int = 1, rows: int = 1) -> None:
        self.tag = tag
        self.columns = columns
        self.rows = rows
        self.text = ""
        self.children: list[Node] = []

    @property
    def size(self) -> int:
        """Nodes in this tree."""
        return 1 + sum(child.size for child in self.children)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root: Node | None = None
        self.stack: list[Node] = []
        self.done = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self.done or (tag != "table" and not self.stack):
            return
        if tag in _CELLS or tag in _ROWS or tag == "table":
            facts = dict(attrs)
            node = Node(
                "td" if tag == "th" else tag, _span(facts, "colspan"), _span(facts, "rowspan")
            )
            if self.stack:
                self.stack[-1].children.append(node)
            else:
                self.root = node
            self.stack.append(node)

    def handle_endtag(self, tag: str) -> None:
        name = "td" if tag == "th" else tag
        if any(node.tag == name for node in self.stack):
            while self.stack.pop().tag != name:
                pass  # what was left open ends with it
            self.done = not self.stack

    def handle_data(self, data: str) -> None:
        if self.stack and self.stack[-1].tag == "td":
            self.stack[-1].text += data


def _span(facts: dict[str, str | None], name: str) -> int:
    try:
        return int(facts.get(name) or 1)
    except ValueError:
        return 1


def table_tree(html: str) -> Node:
    """The first table in some HTML; raises BadInput when there is none."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    if reader.root is None:
        raise BadInput("there is no <table> in this HTML")
    return reader.root


def teds(found: str, true: str, *, structure_only: bool = False) -> float:
    """1 - tree edit distance / nodes below the larger table's root, from 0 to 1.

    Inserting or deleting a node costs 1; renaming costs 1 when tags or spans differ, else the
    normalised Levenshtein distance of the cells' texts (nothing with ``structure_only``). Bold
    and the like within a cell do not count, and th is td. HTML without a table scores 0.
    """
    try:
        from apted import APTED, Config
    except ModuleNotFoundError as error:
        raise MissingDependency(
            "TEDS", "apted", 'Run: pip install "sensorium[evaluation]"'
        ) from error
    right = table_tree(true)
    try:
        mine = table_tree(found)
    except BadInput:
        return 0.0

    class Costs(Config):  # type: ignore[misc]
        def rename(self, one: Node, other: Node) -> float:
            if (one.tag, one.columns, one.rows) != (other.tag, other.columns, other.rows):
                return 1.0
            if structure_only or one.tag != "td" or one.text == other.text:
                return 0.0
            return edit_share(one.text, other.text)

        def children(self, node: Node) -> list[Node]:
            return node.children

    distance: Any = APTED(mine, right, Costs()).compute_edit_distance()
    nodes = max(mine.size, right.size, 2) - 1
    return max(0.0, 1.0 - float(distance) / nodes)
