"""The cases of :mod:`ray_cases`, in a process of their own: after it has been shut down, Ray goes
on closing descriptors and ending threads, which tests that count theirs would see."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from sensorium.errors import MissingDependency
from sensorium.workers.ray import RayExecutor

CASES = Path(__file__).with_name("ray_cases.py")


@pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="ray is not installed")
@pytest.mark.timeout(300)
def test_the_cases_hold() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", str(CASES)]
    ran = subprocess.run(command, cwd=CASES.parents[4], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-2000:]
    assert " passed" in ran.stdout


def test_without_ray_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependency, match=r"sensorium\[ray\]"):
        RayExecutor({})
