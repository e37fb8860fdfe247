"""Text to syllables, voice and moving landmarks."""
