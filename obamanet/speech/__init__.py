"""From raw sound features to what a predictor hears; the speech encoder that comes with the program."""
