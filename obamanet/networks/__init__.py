"""Keras graphs only: built from a config, trained and run elsewhere; any Keras 3 backend can run them."""
