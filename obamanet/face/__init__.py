"""Where the face is in a picture, and its 68 landmarks."""
