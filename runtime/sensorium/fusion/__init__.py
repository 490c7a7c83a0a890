"""Fusion: joining streams by originating time, and telling the time of other machines' clocks."""

from sensorium.fusion.aligned import Aligned, Interpolated, JoinCounts, Outcome, StreamCounts
from sensorium.fusion.alignment import Alignment
from sensorium.fusion.clock_model import ClockModel
from sensorium.fusion.interpolation import linear
from sensorium.fusion.join import Join
from sensorium.fusion.joiner import Joiner
from sensorium.fusion.options import Joining, With, join
from sensorium.fusion.plan import JoinPlan, Match, Mode, StreamPlan

__all__ = [
    "Aligned", "Alignment", "ClockModel", "Interpolated", "Join", "JoinCounts", "JoinPlan",
    "Joiner", "Joining", "Match", "Mode", "Outcome", "StreamCounts", "StreamPlan", "With", "join",
    "linear",
]  # fmt: skip
