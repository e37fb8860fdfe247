"""Footage to training data: datasets, splits, word times, synthetic voices."""
