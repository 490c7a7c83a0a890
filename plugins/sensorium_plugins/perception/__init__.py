"""The bundled perception plugins."""
