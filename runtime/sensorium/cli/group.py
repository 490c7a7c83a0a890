"""A command group whose subcommands are imported when they are used, so ``--help`` is quick."""

from __future__ import annotations

import importlib
from typing import Any

import click


class LazyGroup(click.Group):
    """A click group that also takes commands by name of module and attribute."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy: dict[str, tuple[str, str]] = {}

    def add_lazy(self, name: str, target: str, summary: str) -> None:
        """Add the command ``name``: ``target`` is ``"package.module:attribute"``.

        ``summary`` is the line that ``--help`` shows. Raises ValueError when the name is taken.
        """
        if name in self._lazy or name in self.commands:
            raise ValueError(f"a command named {name!r} exists already")
        self._lazy[name] = (target, summary)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All names, lazy ones included."""
        return sorted({*super().list_commands(ctx), *self._lazy})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported if need be."""
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        rows = []
        for name in self.list_commands(ctx):
            if name in self._lazy:
                rows.append((name, self._lazy[name][1]))
            else:
                command = self.get_command(ctx, name)
                rows.append((name, command.get_short_help_str() if command else ""))
        with formatter.section("Commands"):
            formatter.write_dl(rows)
