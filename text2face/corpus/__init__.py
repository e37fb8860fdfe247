"""Captioned video to labelled clips: for mouth models, and for lip reading."""
