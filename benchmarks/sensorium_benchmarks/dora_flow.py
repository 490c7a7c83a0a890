"""Running a dora dataflow: ``dora run`` of a description, whose nodes leave their figures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

_FOLDER = "BENCH_FIGURES"
_PARAMETERS = "BENCH_PARAMETERS"
_NODE = "BENCH_NODE"


def run_flow(nodes: Sequence[Mapping[str, Any]], parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Run the nodes to their end; what each left with :func:`leave`, by the node's id.

    ``path`` of a node is a Python file. Raises RuntimeError with dora's last words when it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        described = [{**node, "env": {_NODE: node["id"]}} for node in nodes]
        flow = Path(folder, "flow.yml")
        flow.write_text(json.dumps({"nodes": described}), encoding="utf-8")  # JSON is YAML, too
        scripts = str(Path(sys.executable).parent)
        ran = subprocess.run(
            [str(Path(scripts, "dora")), "run", str(flow)],
            cwd=folder, capture_output=True, text=True, check=False,
            env={
                **os.environ,
                "PATH": os.pathsep.join([scripts, os.environ.get("PATH", "")]),
                _FOLDER: folder,
                _PARAMETERS: json.dumps(dict(parameters)),
            },
        )  # fmt: skip
        left = {path.stem: json.loads(path.read_bytes()) for path in Path(folder).glob("*.json")}
    missing = [node["id"] for node in nodes if node["id"] not in left]
    if ran.returncode != 0 or missing:
        words = [line for line in (ran.stdout + ran.stderr).splitlines() if line.strip()]
        raise RuntimeError(f"dora run failed: {' | '.join(words[-8:])}")
    return left


def parameters() -> dict[str, Any]:
    """In a node: what the run was called with."""
    held: dict[str, Any] = json.loads(os.environ[_PARAMETERS])
    return held


def leave(figures: Any) -> None:
    """In a node: what :func:`run_flow` shall return for it."""
    path = Path(os.environ[_FOLDER], f"{os.environ[_NODE]}.json")
    path.write_text(json.dumps(figures), encoding="utf-8")
