"""`sensorium train` and `sensorium evaluate`: one file a system, imported when it is used."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from sensorium.errors import MissingDependency
from sensorium_agents.commands import systems
from sensorium_agents.commands.evaluate import evaluate
from sensorium_agents.commands.systems import Systems, say, training
from sensorium_agents.commands.train import train


@pytest.mark.parametrize("group", [train, evaluate])
def test_every_file_is_a_command_with_a_line_of_help(group: click.Group) -> None:
    listed = CliRunner().invoke(group, ["--help"]).stdout
    names = [path.stem.partition("_")[2].replace("_", "-")
             for path in systems.HERE.glob(f"{group.name}_*.py")]  # fmt: skip
    assert names
    for name in names:
        (line,) = (row for row in listed.splitlines() if row.split()[:1] == [name])
        assert len(line.split()) > 3
        command = group.get_command(click.Context(group), name)
        assert command is not None
        assert command.name == name


def test_an_unknown_name_is_answered_by_those_there_are() -> None:
    done = CliRunner().invoke(evaluate, ["fushion", "--json"])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert "nothing named 'fushion' to evaluate" in done.stderr
    assert "fusion, " in done.stderr


def test_help_imports_no_heavy_library() -> None:
    code = (
        "import sys; from click.testing import CliRunner;"
        "from sensorium_agents.commands.train import train;"
        "assert CliRunner().invoke(train, ['--help']).exit_code == 0;"
        "assert 'torch' not in sys.modules"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_new_file_is_a_new_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "train_two_words.py").write_text('"""``x``: does it."""\n')
    monkeypatch.setattr(systems, "HERE", tmp_path)
    group = Systems(name="train")
    assert group.list_commands(click.Context(group)) == ["two-words"]
    assert "Does it." in CliRunner().invoke(group, ["--help"]).stdout


def test_stdout_holds_the_result_alone() -> None:
    @click.command()
    def command() -> None:
        with training("a system"):
            print("a library chatters")
        say({"n": 3}, True, str)

    done = CliRunner().invoke(command)
    assert json.loads(done.stdout) == {"n": 3}
    assert "chatters" in done.stderr


def test_what_is_missing_and_what_was_stopped_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    missing = pytest.raises(MissingDependency, match=r'pip install "sensorium\[sim\]"')
    with missing, training("a policy", "sim"):
        raise ModuleNotFoundError("no", name="minigrid")
    with pytest.raises(KeyboardInterrupt), training("a policy"):
        raise KeyboardInterrupt("Stopped at step 3: give the same command again.")
    assert "same command again" in capsys.readouterr().err
