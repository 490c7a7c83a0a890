"""The commands agents bring."""
