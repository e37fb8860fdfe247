"""Trains the closure detector (lips shut at p, b and m) on sounds with known phoneme times."""
