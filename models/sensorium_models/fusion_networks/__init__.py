"""Fusion networks: several modalities in, any of them missing, one answer out."""
