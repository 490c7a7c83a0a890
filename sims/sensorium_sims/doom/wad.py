"""The arena's WAD, made here: a map as text (UDMF), things as text (DECORATE), sounds.

No compiler and no foreign file: ViZDoom builds the map's nodes itself, and a map without scripts
needs no ACS. Formats: the UDMF specification 1.1; Doom's own sound format (8 bit, 11,025 Hz).
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

HALF = 512
"""Half the arena's edge, in map units; 32 are about a metre."""
RADIUS = 24
"""Of a pillar."""
RATE = 11_025
SOUNDS = ("hum", "ring", "rattle", "siren")
COLOURS = {"green": "", "red": '"112:127=176:191"', "blue": '"112:127=192:207"',
           "yellow": '"112:127=224:231"'}  # fmt: skip
"""Pillars by colour, with what the palette's green becomes."""
_LOUD = 0.5
_SKILLS = "".join(f"skill{n}=true;" for n in range(1, 6)) + "single=true;"


def write_wad(path: Path) -> None:
    """Write it."""
    lumps: list[tuple[str, bytes]] = [
        ("MAP01", b""),
        ("TEXTMAP", _map().encode()),
        ("ENDMAP", b""),
        ("DECORATE", _things().encode()),
        ("SNDINFO", "".join(f"arena/{s} DS{s.upper()}\n" for s in SOUNDS).encode()),
    ]
    lumps += [(f"DS{name.upper()}", _dmx(wave(name))) for name in SOUNDS]
    data, listed, at = b"", b"", 12
    for name, content in lumps:
        listed += struct.pack("<ii8s", at + len(data), len(content), name.encode().ljust(8, b"\0"))
        data += content
    path.write_bytes(struct.pack("<4sii", b"PWAD", len(lumps), at + len(data)) + data + listed)


def wave(name: str) -> F64:
    """A second of a sound, (11025,) in -1 to 1, which goes on without a seam."""
    t = np.arange(RATE) / RATE
    turn = 2 * np.pi * t
    if name == "hum":
        heard = sum(np.sin(110 * n * turn) / n for n in (1, 2, 3, 5, 7))
    elif name == "ring":
        heard = (np.sin(880 * turn) + np.sin(1320 * turn)) * (0.6 + 0.4 * np.sin(8 * turn))
    elif name == "rattle":
        heard = np.random.default_rng(12).standard_normal(RATE) * (np.sin(12 * turn) > 0.2)
    elif name == "siren":
        heard = np.sin(600 * turn + 50 * np.sin(4 * turn))
    else:
        raise ValueError(f"no sound {name!r}")
    found: F64 = np.asarray(heard) / np.abs(heard).max() * _LOUD
    return found


def _dmx(sound: F64) -> bytes:
    """Doom's format: a header, the samples with 16 bytes of padding on either side."""
    samples = np.clip(np.round(sound * 127 + 128), 0, 255).astype(np.uint8).tobytes()
    header = struct.pack("<HHI", 3, RATE, len(samples) + 32)
    return header + samples[:1] * 16 + samples + samples[-1:] * 16


def _map() -> str:
    corners = [(-HALF, -HALF), (-HALF, HALF), (HALF, HALF), (HALF, -HALF)]
    said = ['namespace="zdoom";']
    said += [f"vertex{{x={x}.0;y={y}.0;}}" for x, y in corners]
    said += [f"linedef{{v1={n};v2={(n + 1) % 4};sidefront={n};blocking=true;}}" for n in range(4)]
    said += ['sidedef{sector=0;texturemiddle="STONE2";}'] * 4
    said.append(
        'sector{heightfloor=0;heightceiling=160;texturefloor="FLOOR0_1";'
        'textureceiling="CEIL1_1";lightlevel=224;}'
    )
    said.append(f"thing{{x=0.0;y=0.0;angle=90;type=1;{_SKILLS}}}")
    return "\n".join(said)


def _things() -> str:
    """Pillars of each colour; things that sound from where they are; and from everywhere."""
    said = []
    for colour, changed in COLOURS.items():
        translation = f"  Translation {changed}\n" if changed else ""
        said.append(
            f"ACTOR Pillar{colour.title()}\n{{\n  Radius {RADIUS}\n  Height 64\n  +SOLID\n"
            f"{translation}{_states('COL1 A -1 Bright')}}}\n"
        )
    for sound in SOUNDS:
        for name, reach in (("There", 0.5), ("Everywhere", 0.0)):
            plays = f'A_PlaySound("arena/{sound}", CHAN_BODY, 1.0, true, {reach})'
            said.append(
                f"ACTOR {sound.title()}{name}\n{{\n  +NOINTERACTION\n  +NOGRAVITY\n"
                f"{_states(f'TNT1 A 0 NoDelay {plays}', 'TNT1 A -1')}}}\n"
            )
    return "".join(said)


def _states(*lines: str) -> str:
    listed = "".join(f"    {line}\n" for line in lines)
    return f"  States\n  {{\n  Spawn:\n{listed}    Stop\n  }}\n"
