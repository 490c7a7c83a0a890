"""Measures of model quality, each with its uncertainty and the paper that defines it."""
