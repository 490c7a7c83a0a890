"""The table top: what stands on it, its measures, and what its camera sees of a point.

Metres; x to the right, y away from the camera, z up; the table's surface is z = 0.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]

COLOURS = {"red": (0.85, 0.1, 0.1), "green": (0.1, 0.65, 0.15), "blue": (0.1, 0.2, 0.85)}
SIDES = ("left", "right")
HALF = 0.03
"""Half an edge of a cube."""
TARGET = 0.06
"""Radius of a target, which is a white disc."""
REACH = 0.36, 0.28
"""How far from the middle the finger gets, in x and y."""
RAISED = 0.11
LOWERED = 0.015
"""Heights of the finger's tip between which it moves."""
FINGER = 0.012
"""Its radius."""
TIMESTEP = 0.005
CAMERA = np.array([0.0, -0.62, 0.78])
LOOKS_AT = np.array([0.0, -0.02, 0.0])
FOVY = 45.0


def xml() -> str:
    """The scene in MuJoCo's format, with no shadows and no anti-aliasing."""
    right, up, _ = _axes()
    axes = " ".join(f"{value:.6f}" for value in (*right, *up))
    cubes = "".join(_cube(name, rgb) for name, rgb in COLOURS.items())
    targets = "".join(
        f'<body name="{side} target" mocap="true"><geom type="cylinder" size="{TARGET} 0.0005"'
        ' rgba="1 1 1 1" contype="0" conaffinity="0"/></body>'
        for side in SIDES
    )
    return f"""<mujoco model="table top">
  <option timestep="{TIMESTEP}" integrator="implicitfast" cone="elliptic"/>
  <visual>
    <quality shadowsize="0" offsamples="0"/>
    <headlight ambient="0.25 0.25 0.25" diffuse="0.2 0.2 0.2" specular="0 0 0"/>
    <global offwidth="640" offheight="640"/>
  </visual>
  <worldbody>
    <light name="lamp" pos="0 -0.2 1.5" dir="0 0.1 -1" directional="true"
           diffuse="0.6 0.6 0.6" specular="0 0 0" castshadow="false"/>
    <camera name="front" pos="{CAMERA[0]} {CAMERA[1]} {CAMERA[2]}" xyaxes="{axes}" fovy="{FOVY}"/>
    <geom name="table" type="plane" size="0.7 0.6 0.1" rgba="0.42 0.36 0.30 1"
          friction="0.6 0.005 0.0001"/>
    {targets}{cubes}
    <body name="finger" pos="0 0 {LOWERED + FINGER}">
      <joint name="x" type="slide" axis="1 0 0" range="-{REACH[0]} {REACH[0]}" limited="true"/>
      <joint name="y" type="slide" axis="0 1 0" range="-{REACH[1]} {REACH[1]}" limited="true"/>
      <joint name="z" type="slide" axis="0 0 1" range="0 {RAISED - LOWERED}" limited="true"/>
      <geom type="capsule" fromto="0 0 0 0 0 0.09" size="{FINGER}" mass="0.4"
            rgba="0.15 0.15 0.17 1" friction="0.3 0.005 0.0001"/>
    </body>
  </worldbody>
  <actuator>
    <position joint="x" kp="900" kv="40" ctrlrange="-{REACH[0]} {REACH[0]}"/>
    <position joint="y" kp="900" kv="40" ctrlrange="-{REACH[1]} {REACH[1]}"/>
    <position joint="z" kp="900" kv="40" ctrlrange="0 {RAISED - LOWERED}"/>
  </actuator>
</mujoco>"""


def _cube(name: str, rgb: tuple[float, float, float]) -> str:
    colour = " ".join(map(str, rgb))
    return (
        f'<body name="{name} cube" pos="0 0 {HALF}"><freejoint name="{name}"/>'
        f'<geom type="box" size="{HALF} {HALF} {HALF}" mass="0.12" rgba="{colour} 1"'
        ' friction="0.6 0.005 0.0001"/></body>'
    )


def _axes() -> tuple[F64, F64, F64]:
    """The camera's right, up, and where it looks."""
    ahead = (LOOKS_AT - CAMERA) / np.linalg.norm(LOOKS_AT - CAMERA)
    right = np.cross(ahead, (0.0, 0.0, 1.0))
    right /= np.linalg.norm(right)
    return right, np.cross(right, ahead), ahead


def project(points: F64, size: int) -> F64:
    """Where points (N, 3) are in a picture of ``size`` pixels square: (N, 2) column, row."""
    right, up, ahead = _axes()
    seen = points - CAMERA
    focal = size / 2 / math.tan(math.radians(FOVY) / 2)
    depth = seen @ ahead
    middle = (size - 1) / 2
    columns = middle + focal * (seen @ right) / depth
    return np.stack([columns, middle - focal * (seen @ up) / depth], 1)


def unproject(pixels: F64, height: float, size: int) -> F64:
    """Where the rays of pixels (N, 2) meet the plane at ``height``: (N, 2) x, y in metres."""
    right, up, ahead = _axes()
    focal = size / 2 / math.tan(math.radians(FOVY) / 2)
    middle = (size - 1) / 2
    across, down = pixels[:, :1] - middle, pixels[:, 1:] - middle
    rays = across * right - down * up + focal * ahead
    reached: F64 = CAMERA + rays * ((height - CAMERA[2]) / rays[:, 2:])
    return reached[:, :2]
