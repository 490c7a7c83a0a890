"""The bundled commands plugins."""
