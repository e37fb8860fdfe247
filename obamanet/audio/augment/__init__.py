"""Seeded augmentations of speech: other voices, rooms, lines and noises, to train against and to measure with.

Every function takes and returns mono sound at 16 kHz, (N,) float32 in [-1, 1], and leaves what it was given as it was.
An augmented sound is as long as the sound and says the same at the same time, whatever delay its filters have. Where
chance plays a part a numpy ``Generator`` decides, so that equal seeds make equal sounds.
"""
