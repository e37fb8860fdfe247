"""Pictures: the square crop around the head, the sketch, the blend back into the frame."""
