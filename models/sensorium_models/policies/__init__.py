"""Policies: networks that choose an agent's next action, how they are taught, and their data."""
