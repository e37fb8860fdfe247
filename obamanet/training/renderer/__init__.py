"""Trains the network that turns sketches into pictures."""
