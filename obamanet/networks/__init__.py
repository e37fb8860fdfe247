"""Keras graphs only: built from a config, trained and run elsewhere; any Keras 3 backend can run them.

The configs alone are free of Keras. Importing ``obamanet.networks.layers`` makes the layers known to Keras, so that
exported networks load.
"""
