"""Episodes shared out among processes: what goes over the pipes, and a process's own side of it.

``python -m sensorium_sims.shares`` reads one :class:`Share` a line on its stdin, plays it, and
writes lines of JSON on its stdout: ``{"beat": true}`` every two seconds, ``{"ended": …}`` for each
episode, and ``{"done": [seconds of each step]}`` or ``{"failed": {"kind", "text"}}`` at the end.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

from sensorium.clocks import WallClock
from sensorium.payloads.codec import payload_from_json, payload_to_json
from sensorium.settings import Layer, Settings, merge
from sensorium_sims.bridge.payloads import EpisodeEnded

BEAT_S = 2.0


@dataclass(frozen=True, slots=True)
class Share:
    """Episodes ``first`` to ``first + episodes - 1`` of a run."""

    first: int
    episodes: int
    again: bool = False
    """Its process ended once: this is the second try of its first episode."""

    def of(self, settings: Settings, environment: str) -> Layer:
        """The settings of this share of a run; ``environment`` names the component.

        The seeds go on from the run's; a film or a recording has the first seed in its name.
        """
        tables: Layer = settings.model_dump(mode="json")
        options = tables["components"][environment]["options"]
        seed = options.get("seed", 0) + self.first
        own: Layer = {environment: {"options": {"seed": seed, "episodes": self.episodes}}}
        if options.get("video"):
            own[environment]["options"]["video"] = self._file(options["video"], seed)
        for name, component in settings.components.items():
            path = component.options.get("path")
            if (component.use or name) == "recorder" and path:
                own[name] = {"options": {"path": self._file(path, seed)}}
        return merge(tables, {"components": own})

    def _file(self, path: str, seed: int) -> str:
        given = Path(path)
        mark = "-again" if self.again else ""
        return str(given.with_name(f"{given.stem}-seed{seed}{mark}{given.suffix}"))


def split(episodes: int, shares: int) -> list[Share]:
    """``shares`` of ``episodes``, as equal as they go; none is empty."""
    shares = min(shares, episodes)
    ends = [episodes * number // shares for number in range(shares + 1)]
    return [Share(a, b - a) for a, b in pairwise(ends)]


def ended_from(line: dict[str, Any], first: int) -> EpisodeEnded:
    """The episode of a line, with its number in the whole run."""
    told = payload_from_json(EpisodeEnded, line["ended"])
    assert isinstance(told, EpisodeEnded)
    return replace(told, episode=told.episode + first)


def main() -> None:
    """Play shares until stdin ends."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        os.dup2(nowhere.fileno(), 1)  # some environments print, thousands of lines
    threading.Thread(target=_beat, args=(out,), daemon=True).start()
    for line in sys.stdin:
        told = json.loads(line)
        try:
            seconds = _play(Settings.model_validate(told["settings"]), told["live"], out)
        except Exception as error:  # noqa: BLE001 - told by its name to whoever asked
            _say(out, {"failed": {"kind": type(error).__name__, "text": str(error)}})
        else:
            _say(out, {"done": seconds})


def _play(settings: Settings, live: bool, out: IO[str]) -> list[float]:
    from sensorium_sims.suite import play

    def tell(ended: EpisodeEnded) -> None:
        _say(out, {"ended": payload_to_json(ended)})

    clock = WallClock() if live else None
    return list(asyncio.run(play(settings, clock=clock, on_episode=tell)).step_seconds)


_writing = threading.Lock()


def _say(out: IO[str], told: dict[str, Any]) -> None:
    try:
        with _writing:
            out.write(json.dumps(told) + "\n")
            out.flush()
    except BrokenPipeError:  # whoever asked is gone
        os._exit(1)


def _beat(out: IO[str]) -> None:
    """Says that the process lives: one that computes in C for ever, holding Python, does not."""
    pause = threading.Event()
    while not pause.wait(BEAT_S):
        _say(out, {"beat": True})


if __name__ == "__main__":
    main()
