"""Recordings: MCAP files of everything that happens in a session, and their digests."""
