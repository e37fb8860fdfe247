"""Video in and out: frames read at known times, and an mp4 written whole or not at all."""

from __future__ import annotations

from obamanet.video.reader import Frame, VideoInfo, probe_video, read_frames
from obamanet.video.writer import VideoWriter

__all__ = ["Frame", "VideoInfo", "VideoWriter", "probe_video", "read_frames"]
