"""A policy for AVWorld: learned senses, a chart, a learned choice of where to go on it."""
