"""Measures of model quality, each with its uncertainty."""
