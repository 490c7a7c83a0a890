"""What ``import sensorium`` gives, and what it does not bring along."""

from __future__ import annotations

import ast
import importlib
import inspect
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import sensorium
from sensorium import errors

HEAVY = (
    "torch", "cv2", "transformers", "numpy", "onnxruntime", "faster_whisper", "zmq", "ray",
    "pydantic", "gymnasium", "starlette",
)  # fmt: skip
MEASURE = """
import json, sys, time
begun = time.perf_counter()
import sensorium
took = time.perf_counter() - begun
print(json.dumps({"took": took, "modules": sorted(sys.modules)}))
"""


def measured(code: str) -> dict[str, object]:
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, timeout=60, check=True, env=os.environ | {"PYTHONPATH": ""},
    )  # fmt: skip
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_importing_it_is_quick_and_brings_no_heavy_library() -> None:
    found = measured(MEASURE)
    assert isinstance(found["modules"], list)
    assert not set(HEAVY) & set(found["modules"])
    assert isinstance(found["took"], float)
    assert found["took"] < 0.3


def test_even_everything_in_it_brings_no_network_library() -> None:
    found = measured(MEASURE.replace("import sensorium\n", "from sensorium import *\n"))
    assert isinstance(found["modules"], list)
    brought = {"torch", "cv2", "transformers", "onnxruntime", "zmq"} & set(found["modules"])
    assert not brought


@pytest.mark.parametrize("name", sensorium.__all__)
def test_every_public_name_is_there_and_documented(name: str) -> None:
    value = getattr(sensorium, name)
    assert inspect.getdoc(value)
    assert name in dir(sensorium)


def test_the_three_lists_of_public_names_agree() -> None:
    assert sorted(sensorium.__all__) == sorted(set(sensorium.__all__))
    homes = {(home, name) for home, names in sensorium._HOMES.items() for name in names}
    assert {name for _, name in homes} == set(sensorium.__all__)
    tree = ast.parse(Path(sensorium.__file__).read_text())
    typed = next(
        node
        for node in tree.body
        if isinstance(node, ast.If)
        and isinstance(node.test, ast.Name)
        and node.test.id == "TYPE_CHECKING"
    )
    imported = {
        (statement.module, alias.name)
        for statement in typed.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert imported == homes


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Sesion'"):
        getattr(sensorium, "Sesion")  # noqa: B009


@pytest.mark.parametrize("home", sorted(sensorium._HOMES))
def test_what_a_module_exports_is_in_it(home: str) -> None:
    module = importlib.import_module(home)
    for name in getattr(module, "__all__", ()):
        assert hasattr(module, name)


ERRORS = [
    value
    for value in vars(errors).values()
    if isinstance(value, type) and value.__module__ == errors.__name__
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: error.__name__)
def test_every_error_is_in_the_tree_and_says_when_it_is_raised(error: type[Exception]) -> None:
    assert issubclass(error, errors.SensoriumError)
    assert error.__doc__ is not None
    assert error.__doc__ != Exception.__doc__
    assert len(error.__doc__.split()) >= 5
    assert error.__doc__.strip().endswith((".", ")"))
    assert isinstance(error.retryable, bool)  # type: ignore[attr-defined]
