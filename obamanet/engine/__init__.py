"""Runs stored networks: arrays in, arrays out, by one of several back ends."""
