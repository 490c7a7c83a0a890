"""The arena in ViZDoom: a game that runs, things put where they are wanted."""

from __future__ import annotations

import math
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import vizdoom
from numpy.typing import NDArray

from sensorium_sims.doom.wad import write_wad

SKIP = 4
"""Tics of a step; there are 35 a second."""
HEARD = 1260
"""Samples of a step, at 11,025 Hz."""
_AHEAD = 56
"""Map units from where one stands to where a summoned thing appears."""
_FACING = 90.0
"""Degrees: how the player stands at the start of the map."""

Place = tuple[float, float]


class Game:
    """One ViZDoom process. Not ready until :meth:`begin`."""

    def __init__(self, *, sound: bool) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="sensorium-doom-")
        folder = Path(self._folder.name)
        write_wad(folder / "arena.wad")
        self._game = game = vizdoom.DoomGame()
        game.set_doom_config_path(str(folder / "vizdoom.ini"))
        game.set_doom_scenario_path(str(folder / "arena.wad"))
        game.set_doom_map("map01")
        game.set_window_visible(False)
        game.set_mode(vizdoom.Mode.PLAYER)
        game.set_screen_resolution(vizdoom.ScreenResolution.RES_160X120)
        game.set_screen_format(vizdoom.ScreenFormat.RGB24)
        game.set_render_hud(False)
        game.set_render_weapon(False)
        game.set_render_crosshair(False)
        game.set_objects_info_enabled(True)
        game.set_available_buttons(
            [vizdoom.Button.TURN_LEFT_RIGHT_DELTA, vizdoom.Button.MOVE_FORWARD_BACKWARD_DELTA]
        )
        game.set_available_game_variables(
            [
                vizdoom.GameVariable.POSITION_X,
                vizdoom.GameVariable.POSITION_Y,
                vizdoom.GameVariable.ANGLE,
            ]
        )
        if sound:
            game.set_audio_buffer_enabled(True)
            game.set_audio_sampling_rate(vizdoom.SamplingRate.SR_11025)
            game.set_audio_buffer_size(SKIP)
        game.add_game_args(f"-savedir {folder}")
        _tether(game, folder)
        try:
            game.init()
        except BaseException:
            self._folder.cleanup()
            raise
        self._sound = sound

    def begin(
        self, seed: int, things: Sequence[tuple[str, Place]], player: Place, heading: float
    ) -> list[Place]:
        """A new episode: things by their actors' names, the player, its heading (degrees,
        counter-clockwise from the right). Returns where the things came to stand."""
        self._game.set_seed(seed)
        self._game.new_episode()
        for name, (x, y) in things:  # one a tic: summoning comes after walking
            self._game.send_game_command(f"warp {x:.1f} {y - _AHEAD:.1f}")
            self.act(0, 0, 1)
            self._game.send_game_command(f"summon {name}")
            self.act(0, 0, 2)
        self._game.send_game_command(f"warp {player[0]:.1f} {player[1]:.1f}")
        self.act(_FACING - heading, 0, 1)
        self.act(0, 0, SKIP)
        return [self._nearest(name, place) for name, place in things]

    def act(self, turn: float, forward: float, tics: int = SKIP) -> None:
        """Turn (degrees a tic, to the right) and walk, for some tics."""
        self._game.make_action([turn, forward], tics)
        self._state: Any = self._game.get_state()

    @property
    def player(self) -> tuple[float, float, float]:
        """x, y, and heading in degrees."""
        x, y, angle = self._state.game_variables[:3]
        return float(x), float(y), float(angle)

    @property
    def camera(self) -> NDArray[np.uint8]:
        """(120, 160, 3)."""
        picture: NDArray[np.uint8] = self._state.screen_buffer
        return picture

    @property
    def ears(self) -> NDArray[np.float32]:
        """(2, 1260): left and right."""
        if not self._sound:
            return np.zeros((2, HEARD), np.float32)
        heard = np.asarray(self._state.audio_buffer, np.float32).T / np.float32(32768)
        return np.ascontiguousarray(heard)

    def close(self) -> None:
        """End the process, and remove what it wrote."""
        self._game.close()
        self._folder.cleanup()

    def _nearest(self, name: str, place: Place) -> Place:
        there = [
            (float(thing.position_x), float(thing.position_y))
            for thing in self._state.objects
            if thing.name.lower() == name.lower()
        ]
        if not there:
            raise RuntimeError(f"ViZDoom did not put {name} at {place}")
        return min(there, key=lambda at: math.dist(at, place))


def _tether(game: vizdoom.DoomGame, folder: Path) -> None:
    """Let the game's process end with ours, however ours ends: a killed one cannot close it."""
    setpriv = shutil.which("setpriv")  # of util-linux
    if setpriv is None:
        return
    engine = Path(vizdoom.__file__).parent / "vizdoom"
    start = folder / "vizdoom"
    command = shlex.join([setpriv, "--pdeathsig", "KILL", str(engine)])
    start.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    start.chmod(0o700)
    game.set_vizdoom_path(str(start))
