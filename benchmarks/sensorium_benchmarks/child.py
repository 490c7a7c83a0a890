"""One run in a process of its own: ``python -m sensorium_benchmarks.child MODULE:FUNCTION JSON``.

The last line of standard output is the figures as JSON. An error is one line on standard error
and exit status 1.
"""

from __future__ import annotations

import importlib
import json
import sys


def main(target: str, parameters: str) -> None:
    """Call ``module:function`` with the keywords in ``parameters`` and print what it returns."""
    module, _, function = target.partition(":")
    try:
        figures = getattr(importlib.import_module(module), function)(**json.loads(parameters))
    except Exception as error:  # noqa: BLE001 - whatever a contender raises ends this run alone
        message = str(error).replace("\n", " ")
        print(f"{type(error).__name__}: {message}", file=sys.stderr)
        raise SystemExit(1) from None
    print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
