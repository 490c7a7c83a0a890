"""An audio-visual-language world: things to see and hear, and words to tell them apart."""
