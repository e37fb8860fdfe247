"""Finds, and on request removes, all data that contains one person's face or was trained on it."""
