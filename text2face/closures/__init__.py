"""Teaches the detector of shut lips, from sounds whose phonemes' times are known."""
