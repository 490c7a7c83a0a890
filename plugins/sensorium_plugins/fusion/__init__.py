"""The bundled fusion plugins."""
