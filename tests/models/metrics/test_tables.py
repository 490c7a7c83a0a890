from __future__ import annotations

import numpy as np
import pytest

from sensorium.errors import BadInput
from sensorium_models.metrics.tables import table_tree, teds
from sensorium_sims.world.documents import sample_page


def table(*rows: str, head: str = "<tr><td>name</td><td>price</td></tr>") -> str:
    return f"<table><thead>{head}</thead><tbody>{''.join(rows)}</tbody></table>"


TRUE = table(
    "<tr><td>wire</td><td>12.50</td></tr>", '<tr><td colspan="2">total &amp; tax</td></tr>'
)
# (found, TEDS, TEDS of the structure): the tree distances are those of table-recognition-metric
# 0.0.6, divided as PubTabNet's own metric.py divides them, by the nodes below the root.
CASES = [
    (TRUE, 1.000000, 1.000000),
    (TRUE.replace("wire", "wine"), 0.975000, 1.000000),
    (TRUE.replace(' colspan="2"', ""), 0.900000, 0.900000),
    (table("<tr><td>wire</td><td>12.50</td></tr>"), 0.800000, 0.800000),
    (
        table("<tr><td>12.50</td><td>wire</td></tr>", "<tr><td>x</td></tr>", "<tr></tr>"),
        0.636364,
        0.818182,
    ),
    (table(head=""), 0.200000, 0.200000),
]


@pytest.mark.parametrize(("found", "whole", "structure"), CASES)
def test_teds_agrees_with_pubtabnet_s(found: str, whole: float, structure: float) -> None:
    assert teds(found, TRUE) == pytest.approx(whole, abs=1e-4)
    assert teds(found, TRUE, structure_only=True) == pytest.approx(structure, abs=1e-4)


def test_rendered_tables_equal_themselves_and_no_other() -> None:
    rng = np.random.default_rng(0)
    one, other = (sample_page(rng, "table").tables[0].html for _ in range(2))
    assert teds(one, one) == 1.0
    assert teds(one, other) < 0.9


def test_what_was_left_open_ends_with_its_table() -> None:
    tree = table_tree("<p>x</p><table><tr><td>a<td>b</table><table></table>")
    assert tree.size == 4
    assert teds("no table at all", TRUE) == 0.0
    with pytest.raises(BadInput, match="no <table>"):
        teds(TRUE, "nothing")
