"""Where events begin: the bundled camera, microphone and text sources."""
