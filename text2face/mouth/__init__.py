"""Predicts mouth keypoints from timed syllables, without the sound."""
