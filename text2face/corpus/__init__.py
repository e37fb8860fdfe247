"""Cuts captioned video into labelled clips, for mouth models and lip reading."""
