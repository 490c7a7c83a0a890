"""A policy for the arenas in ViZDoom where one has to listen: network, training, card."""
