"""Trains the networks that judge videos: SyncNet and the lip reader."""
