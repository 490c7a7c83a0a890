"""Hearing and speaking: voice activity, utterances, speech to text, text to speech."""
