"""docs/plugins.md is true: its Python runs, its settings load, and it knows every hook."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import sys
import tomllib
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensorium.delivery import WhenFull
from sensorium.plugins import hookspecs
from sensorium.settings import load_settings
from sensorium.testing import check_component, check_plugin

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
HOOKS = {name: spec for name, spec in vars(hookspecs).items() if name.startswith("sensorium_")}


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


TESTS = sorted(re.findall(r"^(?:async )?def (test_\w+)", "\n".join(blocks("python")), re.MULTILINE))


@pytest.fixture(scope="module")
def page() -> Iterator[types.ModuleType]:
    """A module of all the page's Python, run block by block."""
    module = types.ModuleType("docs_plugins_page")
    sys.modules[module.__name__] = module
    for number, block in enumerate(blocks("python"), 1):
        exec(compile(block, f"docs/plugins.md, Python block {number}", "exec"), vars(module))
    yield module
    del sys.modules[module.__name__]


def test_the_page_has_code_to_run() -> None:
    assert len(blocks("python")) >= 9
    assert len(TESTS) >= 6


@pytest.mark.parametrize("name", TESTS)
async def test_the_tests_of_the_page_pass(page: types.ModuleType, name: str) -> None:
    test: Any = getattr(page, name)
    if inspect.iscoroutinefunction(test):
        await test()
    else:
        await asyncio.to_thread(test)  # assert_conforms runs a loop of its own


def test_the_plugin_in_one_file_is_complete_and_short(tmp_path: Path) -> None:
    first = blocks("python")[0]
    assert len([line for line in first.splitlines() if line]) <= 20
    alone = types.ModuleType("my_plugin")
    exec(compile(first, "my_plugin.py", "exec"), vars(alone))
    assert check_plugin(alone) == []


def test_every_component_of_the_page_conforms(page: types.ModuleType) -> None:
    for name in ("Brightness", "ThermalCamera", "HotArea", "Exposure"):
        assert check_component(getattr(page, name)) == []


def test_every_settings_block_loads(tmp_path: Path) -> None:
    for number, block in enumerate(blocks("toml")):
        if "[project" in block:
            assert tomllib.loads(block)["project"]["entry-points"]["sensorium"]
            continue
        path = tmp_path / f"{number}.toml"
        path.write_text(block, encoding="utf-8")
        assert load_settings(path, environ={}).components


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_documented_with_its_arguments(hook: str) -> None:
    arguments = ", ".join(inspect.signature(HOOKS[hook]).parameters)
    assert f"| `{hook}({arguments})` |" in PAGE


def test_the_hooks_are_listed_in_the_order_of_their_calls() -> None:
    assert re.findall(r"^\| `(sensorium_\w+)\(", PAGE, re.MULTILINE) == list(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_is_exercised(hook: str) -> None:
    tree = ast.parse((Path(__file__).parent / "test_hooks.py").read_text(encoding="utf-8"))
    tests = {node.name: node for node in tree.body if hasattr(node, "name")}
    assert f"test_{hook}" in tests, f"write test_{hook} in test_hooks.py"
    assert hook in ast.unparse(tests[f"test_{hook}"]).partition(":")[2]


def test_every_policy_is_explained() -> None:
    for policy in ("latest", "max_age(ms)", "throttle(hz)", *(f"{w.value}(n)" for w in WhenFull)):
        assert f"| `{policy}` |" in PAGE


def test_links_lead_somewhere() -> None:
    anchors = {
        re.sub(r"[^\w ]", "", h).lower().replace(" ", "-")
        for h in re.findall(r"^#+ (.*)", PAGE, re.M)
    }
    for target in re.findall(r"\]\(([^)]+)\)", PAGE):
        if target.startswith("#"):
            assert target[1:] in anchors
        else:
            assert (ROOT / "docs" / target).exists(), target
