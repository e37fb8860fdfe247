"""Hashes what a video shows and sounds, without the metadata and the signature around it."""

from __future__ import annotations

import hashlib
from pathlib import Path

from obamanet.errors import VideoError


def hash_streams(path: Path) -> str:
    """Returns the SHA-256 of the coded pictures and sound in ``path``, each with its time, as 64 hexadecimal digits.

    Two files with the same hash decode to the same pictures and samples at the same times. Metadata and manifest are
    not hashed: a signature differs from one signing to the next.

    Raises:
        VideoError: the file cannot be read.
    """
    import av

    digest = hashlib.sha256()
    try:
        with av.open(str(path.absolute()), options={"protocol_whitelist": "file"}, metadata_errors="replace") as opened:
            for stream in opened.streams:
                digest.update(f"{stream.index} {stream.type} {stream.time_base} ".encode())
                digest.update(stream.codec_context.extradata or b"")
            for packet in opened.demux():
                digest.update(f"{packet.stream_index} {packet.pts} {packet.dts} {packet.duration} ".encode())
                digest.update(bytes(packet))
    except av.FFmpegError as error:
        raise VideoError(f"video cannot be read ({error.strerror}): {path}") from error
    return digest.hexdigest()
