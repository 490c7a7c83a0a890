"""``sensorium plugins``: what is loaded, from where, and what it brings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from sensorium.plugins import Plugins, load_plugins
from sensorium.settings import load_settings


@click.command()
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
@click.option(
    "--settings",
    type=click.Path(path_type=Path),
    help="Load what this settings file names, too, and leave out what it disables.",
)
def plugins(as_json: bool, settings: Path | None) -> None:
    """List the loaded plugins, their hooks, and everything they registered."""
    wanted = load_settings(settings).plugins
    loaded = load_plugins(modules=wanted.modules, disabled=wanted.disabled)
    report = _report(loaded)
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    for plugin in report["plugins"]:
        mark = click.style("failed", fg="red") if plugin["error"] else click.style("ok", fg="green")
        click.echo(f"{click.style(plugin['name'], bold=True)}  {plugin['from']}  {mark}")
        click.echo(f"  {plugin['error'] or 'hooks: ' + ', '.join(plugin['hooks'])}")
    click.echo()
    for kind, names in report["registered"].items():
        listed = ", ".join(f"{n} ({p})" if p != "bundled" else n for n, p in names.items())
        click.echo(f"{click.style(kind, bold=True)}: {listed or 'none'}")


def _report(loaded: Plugins) -> dict[str, Any]:
    registries = {**loaded.kinds, "model": loaded.models}
    return {
        "plugins": [
            {"name": p.name, "from": p.origin, "hooks": list(p.hooks), "error": p.error}
            for p in loaded.loaded
        ],
        "registered": {
            f"{kind}s": {held.name: held.plugin for held in registry.registrations()}
            for kind, registry in registries.items()
        }
        | {"payloads": dict.fromkeys(loaded.payloads, "bundled")},
    }
