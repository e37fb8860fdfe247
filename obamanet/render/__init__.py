"""Square crop around the head, sketch, in-painting condition and compositing."""
