"""Timed syllables to moving mouth keypoints, without a sound."""
