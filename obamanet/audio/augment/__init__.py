"""Seeded augmentations of speech: other voices, rooms, transmission lines and noises, for training and for benchmarks.

Every function takes and returns mono sound at 16 kHz, (N,) float32 in [-1, 1], and does not change its argument.
Augmented sound has the length and the timing of the original, whatever delay its filters have. Random choices are made
by a numpy ``Generator``: equal seeds give equal sounds.
"""
