"""``sensorium models``: see, pull, verify and find the pretrained weights.

Data goes to standard output, progress and messages to standard error. Errors of the store pass
through as :class:`~sensorium.errors.SensoriumError`: the main command turns them into one line.
A caller may give its own :class:`ModelStore` as the click context's object.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sensorium.errors import ModelUnavailable
from sensorium_models.store import Entry, ModelStore, State, progress_on
from sensorium_models.store.progress import megabytes

if TYPE_CHECKING:
    from sensorium_models.store.store import Origin


def _store() -> ModelStore:
    return click.get_current_context().find_object(ModelStore) or ModelStore()


@click.group()
def models() -> None:
    """Pretrained weights: list, pull, verify, find."""


@models.command("list")
@click.option("as_json", "--json", is_flag=True, help="Print JSON instead of a table.")
def list_(as_json: bool) -> None:
    """List every model with its task, size, licence and state (a cheap check)."""
    store = _store()
    rows = [_row(store, entry) for entry in store.entries()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    table = [("NAME", "TASK", "SIZE", "LICENCE", "STATE")]
    table += [
        (r["name"], r["task"], megabytes(r["size"]) if r["size"] else "-", r["licence"], r["state"])
        for r in rows
    ]
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    for row in table:
        cells = [
            cell.rjust(width) if column == 2 else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        click.echo("  ".join(cells).rstrip())


def _row(store: ModelStore, entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "description": entry.description,
        "task": entry.task,
        "size": entry.size,
        "licence": entry.licence,
        "upstream": entry.upstream,
        "source": entry.source,
        "default": entry.default,
        "state": str(store.status(entry.name)),
    }


@models.command("pull")
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("everything", "--all", is_flag=True, help="Every model of the manifest.")
@click.option(
    "origin",
    "--from",
    metavar="PATH|hub|manifest",
    help="Take the one model named from a folder, or from its hub repository; 'manifest' goes "
    "back from a hub's files to the pinned ones.",
)
def pull(names: tuple[str, ...], everything: bool, origin: str | None) -> None:
    """Bring models here: those named, or without a name the default set."""
    store = _store()
    if everything and names:
        raise click.UsageError("give names or --all, not both")
    if origin is not None and len(names) != 1:
        raise click.UsageError("--from needs exactly one NAME")
    for name in names:
        store.entry(name)
    progress = progress_on()
    source = _origin(origin)
    for name in names:
        click.echo(store.pull(name, progress, source))
    if names:
        return
    for entry in store.entries():
        if not (everything or entry.default):
            continue
        if entry.source == "carrier" or store.status(entry.name) is State.OK:
            click.echo(store.pull(entry.name, progress))
        else:  # not asked for by name, and not the store's to fetch
            _note_absent(store, entry.name)


def _origin(text: str | None) -> Origin | None:
    if text == "hub":
        return "hub"
    if text == "manifest":
        return "manifest"
    return None if text is None else Path(text)


def _note_absent(store: ModelStore, name: str) -> None:
    try:
        store.path(name)
    except ModelUnavailable as error:
        click.echo(f"skipped: {error}", err=True)


@models.command("verify")
@click.argument("names", nargs=-1, metavar="[NAME]...")
def verify(names: tuple[str, ...]) -> None:
    """Hash the models named, or all that are here; exit with 1 when something is wrong."""
    store = _store()
    wrong = False
    for entry in [store.entry(name) for name in names] or store.entries():
        if not names and store.status(entry.name) is State.MISSING:
            continue
        problems = store.verify(entry.name)
        wrong = wrong or bool(problems)
        click.echo(f"{entry.name}: {'wrong' if problems else 'ok'}")
        for problem in problems:
            click.echo(f"  {problem}", err=True)
    if wrong:
        click.echo("mend with: sensorium models pull NAME", err=True)
        raise SystemExit(1)


@models.command("path")
@click.argument("name")
@click.argument("file", required=False)
def path(name: str, file: str | None) -> None:
    """Print the folder of a model, or the path of one of its files."""
    click.echo(_store().path(name, file))
