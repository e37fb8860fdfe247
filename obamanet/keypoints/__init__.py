"""Mouth keypoints: canonical and pixel coordinates, PCA, the jaw that follows, the reference track."""
