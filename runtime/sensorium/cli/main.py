"""``sensorium``: the entry point, and what it does with errors.

Results go to stdout, everything else to stderr. Exit status: 0 done, 1 a Sensorium error, 2 wrong
usage, 130 interrupted.
"""

from __future__ import annotations

import os
import sys

import click

from sensorium import __version__
from sensorium.cli.group import LazyGroup
from sensorium.errors import SensoriumError


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, "-V", "--version")
def cli() -> None:
    """Sensorium runs agents that see, hear, read and act on your own machine."""


def main() -> None:
    """Run the command line; returns through ``sys.exit``."""
    cli.add_lazy("plugins", "sensorium.cli.plugins:plugins", "What is loaded, from where.")
    cli.add_lazy("replay", "sensorium.cli.replay:replay", "Do a recorded session again.")
    cli.add_lazy("inspect", "sensorium.cli.inspect:inspect", "What a recording holds.")
    cli.add_lazy("recover", "sensorium.cli.recover:recover", "Mend a recording cut off by a crash.")
    cli.add_lazy("worker", "sensorium.cli.worker:worker", "Lend this machine to a pool elsewhere.")
    cli.add_lazy("top", "sensorium.cli.top:top", "Watch a running session from another terminal.")
    try:
        _add_plugin_commands()
        status = cli.main(prog_name="sensorium", standalone_mode=False)
    except click.exceptions.Abort:
        status = 130
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except KeyboardInterrupt:
        status = 130
    except SensoriumError as error:
        click.echo(f"{click.style('error:', fg='red', bold=True)} {error}", err=True)
        status = 1
    except BrokenPipeError:  # the reader of our stdout has gone, as `| head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 1
    sys.exit(status if isinstance(status, int) else 0)


def _add_plugin_commands() -> None:
    from sensorium.plugins import load_plugins

    loaded = load_plugins()
    for plugin in loaded.failures:
        click.echo(f"plugin {plugin.name!r} is not in use: {plugin.error}", err=True)
    for name, error in loaded.register_commands(cli):
        click.echo(f"plugin {name!r}: its commands are not in use: {error}", err=True)
