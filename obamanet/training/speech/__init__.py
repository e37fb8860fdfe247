"""Trains the networks that turn sound into keypoints, and fits mouth poses."""
