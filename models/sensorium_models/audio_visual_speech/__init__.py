"""Audio-visual speech recognition: what was said, from the sound and the lips."""
