"""Trains the speech encoder by distillation."""
