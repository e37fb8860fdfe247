"""What one client, and all of them, may ask of a server."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from obamanet.errors import OptionError
from obamanet.timing import parse_rate


@dataclass(frozen=True)
class Limits:
    """Limits of a server.

    Attributes:
        upload_bytes: of one upload.
        sound_seconds: of speech, and of a driver's video.
        text_characters: of a text.
        video_pixels: of a driver's picture.
        fps: of a video that is made.
        queued: jobs that wait at once.
        per_client: jobs of one client that wait or run at once.
        per_minute: requests of one client that make something.
        keep_minutes: that results are kept.
    """

    upload_bytes: int = 200_000_000
    sound_seconds: float = 600.0
    text_characters: int = 5000
    video_pixels: int = 1920 * 1080
    fps: Fraction = Fraction(60)
    queued: int = 64
    per_client: int = 8
    per_minute: int = 120
    keep_minutes: float = 60.0

    def rate(self, fps: str | None) -> Fraction | None:
        """Returns a frame rate that was asked for.

        Args:
            fps: such as "25" or "30000/1001"; "" or None for none.

        Raises:
            OptionError: it is no frame rate, or too high.
        """
        rate = parse_rate(fps) if fps else None
        if rate is not None and rate > self.fps:
            raise OptionError(f"frame rate is out of range: got {fps}, allowed are up to {float(self.fps):g}")
        return rate
