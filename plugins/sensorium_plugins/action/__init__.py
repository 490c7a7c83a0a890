"""The bundled action plugins."""
