"""Divides words into syllables: by spelling for Spanish, by phonemes for every language."""
