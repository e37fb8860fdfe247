"""Trained networks at work: sound to keypoints, sketches to pictures."""
