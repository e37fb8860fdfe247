"""Mouth keypoints: canonical and pixel coordinates, PCA, jaw regression, lip closure, reference track."""
