"""Models of written text."""
