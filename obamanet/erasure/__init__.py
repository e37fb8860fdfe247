"""Finds, and on request removes, everything that holds or was learned from one person's face."""
