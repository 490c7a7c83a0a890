"""The systems that learn: what ``sensorium train`` and ``sensorium evaluate`` find, and share.

A system adds one file a command, beside this one: ``train_NAME.py`` or ``evaluate_NAME.py``, which
holds a click command named ``command``. The first line of its docstring is what ``--help`` shows
(what follows its colon). The file is imported when its command is used, and only then.

Progress goes to stderr (:func:`tell`), results to stdout: with ``--json``, one object and nothing
else (:func:`say`).
"""

from __future__ import annotations

import ast
import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensorium.cli.group import LazyGroup
from sensorium.errors import MissingDependency

if TYPE_CHECKING:
    from sensorium_models.training import Progress

HERE = Path(__file__).parent


class Systems(LazyGroup):
    """The commands of the files ``VERB_*.py`` in this folder, by what stands for the star."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for path in sorted(HERE.glob(f"{self.name}_*.py")):
            name = path.stem.partition("_")[2].replace("_", "-")
            self.add_lazy(name, f"{__package__}.{path.stem}:command", _summary(path))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, but a name that is not there says which are."""
        if args and not args[0].startswith("-") and args[0] not in self.list_commands(ctx):
            names = ", ".join(self.list_commands(ctx)) or "none"
            raise click.UsageError(
                f"there is nothing named {args[0]!r} to {self.name}. There are: {names}.", ctx
            )
        return super().resolve_command(ctx, args)


def _summary(path: Path) -> str:
    """What follows the colon in the first line of a file's docstring."""
    first = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]
    said = first.partition(": ")[2] or first
    return said[:1].upper() + said[1:]


def tell(line: str) -> None:
    """A line about progress, to stderr."""
    click.echo(line, err=True)


def say(found: Mapping[str, Any], as_json: bool, show: Callable[[Mapping[str, Any]], str]) -> None:
    """What was found, to stdout: as one JSON object, or as ``show`` puts it."""
    click.echo(json.dumps(found, allow_nan=False) if as_json else show(found))


def on_progress(at: Progress) -> None:
    """Tell where training stands: for ``fit(on_progress=…)``."""
    tell(at.line())


@contextmanager
def training(feature: str, extra: str = "language") -> Iterator[None]:
    """Around imports, training and evaluation: stdout stays clean, errors say what to do.

    What libraries print goes to stderr. A missing library becomes MissingDependency, and a run
    that Ctrl-C stopped says on stderr how to go on with it before it ends the program.
    """
    try:
        with redirect_stdout(sys.stderr):
            yield
    except ModuleNotFoundError as error:
        remedy = f'Run: pip install "sensorium[{extra}]"'
        raise MissingDependency(feature, str(error.name), remedy) from error
    except KeyboardInterrupt as error:
        if str(error):
            tell(str(error))
        raise
