"""The trained networks that judge videos, loaded and run."""
