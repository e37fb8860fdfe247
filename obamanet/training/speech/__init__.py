"""Trains the network that turns sound into keypoints, and fits mouth poses."""
