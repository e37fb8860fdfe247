"""Text to speech, and alignment of recordings with their text."""
