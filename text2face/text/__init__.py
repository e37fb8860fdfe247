"""Normalises written text into sentences of words that a voice can speak."""
