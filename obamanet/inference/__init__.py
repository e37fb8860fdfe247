"""A person's trained networks at work: the predictor and the renderer."""
