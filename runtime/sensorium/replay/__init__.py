"""Replay: a recorded session done again, to the same bytes (see docs/replay.md).

Sensors, actuators, the clock and the models are played from the recording; perception, fusion and
planning run anew on a virtual clock, and every event they publish is compared with the recorded
one.
"""
