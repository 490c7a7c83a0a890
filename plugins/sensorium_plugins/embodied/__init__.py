"""The embodied agent's own stages: senses that belong together, and planners that use them."""
