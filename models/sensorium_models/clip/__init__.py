"""CLIP: pictures and sentences in one space (Radford et al., 2021), small enough for two cores."""
