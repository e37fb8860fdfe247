"""Notices pictures that are woven of two fields though their video does not say so, by FFmpeg's idet filter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from av import VideoFrame

MAX_FRAMES: Final = 100
"""Frames that are looked at, about four seconds; where nothing moves in them, nothing is noticed."""

DECIDED: Final = 12
"""Frames of one kind from which on the others may be few."""

CLEARLY: Final = 3
"""Times that frames of the kind must outnumber all others of which something is known."""

MIN_LINES: Final = 240
"""Lines below which no format is interlaced."""


def woven_parity(frames: Iterable[VideoFrame]) -> str | None:
    """Returns which field of ``frames`` comes first, ``tff`` or ``bff``; None where they are whole, or marked as woven.

    Args:
        frames: the first ones of a video, as decoded; no more are taken than it needs.
    """
    import av
    from av.filter import Graph

    seen: Counter[str] = Counter()
    graph: Graph | None = None
    for frame in islice(frames, MAX_FRAMES):
        if frame.interlaced_frame or frame.height < MIN_LINES:
            return None
        if graph is None:
            graph = Graph()
            source = graph.add_buffer(
                width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
            )
            graph.link_nodes(source, graph.add("idet"), graph.add("buffersink")).configure()
        try:
            graph.vpush(frame)
            found = graph.vpull()
        except av.BlockingIOError:
            continue  # It looks at the frame after, too.
        seen[found.metadata.get("lavfi.idet.multiple.current_frame", "")] += 1
        for kind in ("progressive", "tff", "bff"):
            others = sum(seen[other] for other in ("progressive", "tff", "bff") if other != kind)
            if seen[kind] >= DECIDED and seen[kind] >= CLEARLY * others:
                return kind if kind != "progressive" else None
    return None
