"""Tests wait for what happens, never for time to pass.

Asking again every millisecond for what a thread or another process does is no waiting for time.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
POLL_S = 0.001
SLEEPERS = {("time", "sleep"), ("asyncio", "sleep"), ("anyio", "sleep"), ("trio", "sleep")}


def naps(source: str) -> list[int]:
    """Lines that sleep longer than a poll; ``asyncio.sleep(0)`` only lets the loop turn."""
    tree = ast.parse(source)
    names = dict(_imported(tree))
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        match node.func:
            case ast.Attribute(ast.Name(module), name):
                called = (names.get((module, ""), module), name)
            case ast.Name(name):
                called = (names.get(("", name), ""), "sleep")
            case _:
                continue
        if called in SLEEPERS and not _is_short(node):
            found.append(node.lineno)
    return found


def _is_short(call: ast.Call) -> bool:
    match call.args:
        case [ast.Constant(int() | float() as seconds)]:
            return seconds <= POLL_S
    return False


def _imported(tree: ast.AST) -> list[tuple[tuple[str, str], str]]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found += [((alias.asname or alias.name, ""), alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            for alias in node.names:
                if alias.name == "sleep":
                    found.append((("", alias.asname or alias.name), node.module or ""))
    return found


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("import time\ntime.sleep(1)", [2]),
        ("import time as t\nt.sleep(0.5)", [2]),
        ("import asyncio\nasyncio.sleep(0)", []),
        ("import asyncio\nasyncio.sleep(0.001)", []),
        ("import asyncio\nasyncio.sleep(0.1)", [2]),
        ("import asyncio\nasyncio.sleep(delay)", [2]),
        ("from time import sleep\nsleep(1)", [2]),
        ("from asyncio import sleep as nap\nnap(2)\nnap(0)", [2]),
        ("clock.sleep(5)\nsleep(3)", []),
    ],
)
def test_the_check_finds_naps_and_nothing_else(source: str, lines: list[int]) -> None:
    assert naps(source) == lines


@pytest.mark.parametrize(
    "path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS))
)
def test_no_test_sleeps(path: Path) -> None:
    lines = naps(path.read_text(encoding="utf-8"))
    assert not lines, f"{path}: sleeps at lines {lines}; wait for the event, or move the clock"
