"""Keras graphs only: built from a config, trained and run elsewhere; any Keras 3 backend can run them.

Importing it makes the layers known to Keras, so that exported networks load.
"""

from obamanet.networks import layers as layers
