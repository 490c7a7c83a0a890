"""Reports: a page whose pictures are there and show what happened."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from sensorium.errors import BadInput
from sensorium_agents.commands.sim import sim
from sensorium_sims.reporting.strips import Filmed, draw_strip, read_film

if TYPE_CHECKING:
    from pathlib import Path

ROW: dict[str, Any] = {
    "task": "A", "agent": "oracle", "kind": "privileged: knows all", "unplugged": [], "error": "",
    "published": [{"who": "somebody", "success": 80.0, "plus_minus": None, "remark": ""}],
    "episodes": 10, "success_rate": 0.5, "ci95": [0.25, 0.75], "spl": 0.4, "mean_steps": 3.0,
    "failed": {},
}  # fmt: skip
TOLD: dict[str, Any] = {
    "suite": "mine", "title": "Mine", "about": "About it.", "seed": 7, "versions": {"python": "3"},
    "rows": [ROW, ROW | {"agent": "random", "success_rate": None, "ci95": None}],
}  # fmt: skip


def invoke(*arguments: Any) -> Any:
    line = ["report", *(str(a) for a in arguments)]
    result = CliRunner().invoke(sim, line, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result


def test_a_page_of_results_curves_and_an_episode(tmp_path: Path) -> None:
    results, out, training = (tmp_path / name for name in ("mine.json", "out", "training"))
    results.write_text(json.dumps(TOLD))
    training.mkdir()
    records = [{"step": n, "loss": 1 / n, "figures": {"success": n / 9}} for n in range(1, 9)]
    (training / "history.jsonl").write_text("\n".join(map(json.dumps, records)))
    episode = "sensorium/AVWorld-Refer-v0,oracle,2"
    shown = invoke(results, "--out", out, "--episode", episode, "--history", training)
    page = (out / "embodied_report.md").read_text()
    assert shown.stdout.strip() == str(out / "embodied_report.md")
    assert "| A | oracle | 10 | 50.0 | 25.0 to 75.0 | 0.400 | 3.0 |" in page
    assert "*published: somebody*" in page
    assert "`oracle`: privileged: knows all" in page
    assert '"find the humming red star", oracle, seed 2: success after 6 steps' in page
    links = re.findall(r"\]\(([^)]+)\)", page)
    assert len(links) == 4  # plot, curves, strip, film
    for link in links:
        file = out / link
        assert 1_000 < file.stat().st_size < 300_000, link
        if file.suffix == ".png":
            picture = np.asarray(Image.open(file).convert("RGB"))
            assert picture.std() > 10, link
    assert json.loads((out / "pictures" / "results_mine.json").read_text()) == TOLD
    (film,) = [out / link for link in links if link.endswith(".mp4")]
    filmed = read_film(film)
    assert len(filmed.frames) == len(filmed.levels) == 7
    assert all(-60 < level < 0 for level in filmed.levels)


def test_a_strip_shows_first_and_last_and_how_loud_it_was(tmp_path: Path) -> None:
    frames = [np.full((60, 60, 3), (10 * n, 255 - 10 * n, 0), np.uint8) for n in range(20)]
    path = tmp_path / "strip.png"
    levels = [-60.0] * 19 + [-6.0]
    draw_strip(Filmed(frames, levels), tuple("abcdefghijklmnopqrs"), "walk", path)
    strip = np.asarray(Image.open(path).convert("RGB")).astype(int)
    first = strip[40:150, 10:130].reshape(-1, 3).mean(0)
    last = strip[-140:-60, -130:-10].reshape(-1, 3).mean(0)
    assert first == pytest.approx([0, 255, 0], abs=12)
    assert last == pytest.approx([190, 65, 0], abs=12)
    orange = (abs(strip - [217, 95, 2]).sum(2) < 60).sum(0)
    assert orange[-130:-10].min() > 0  # the last bar is full
    assert orange[10:130].max() <= 8  # the one at the left lies empty


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to report"),
        (["--episode", "CartPole-v1"], "is not ENV,AGENT"),
        (["--episode", "CartPole-v1,random,x"], "is not ENV,AGENT"),
        (["nowhere.json"], "cannot read results"),
        (["pyproject.toml"], "cannot read results"),
        (["--history", "pyproject.toml"], "cannot read a training's history"),
    ],
)
def test_mistakes_have_names(tmp_path: Path, arguments: list[str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        CliRunner().invoke(
            sim, ["report", *arguments, "--out", str(tmp_path)], catch_exceptions=False
        )
