"""Recordings in the forms of other tools: WAV, MP4 or pictures, JSON lines, Rerun."""
