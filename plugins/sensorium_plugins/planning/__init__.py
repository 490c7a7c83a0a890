"""The bundled planning plugins."""
