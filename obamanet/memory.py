"""Bounds and checks the memory of this process, and recognises out-of-memory errors."""

from __future__ import annotations

import sys
from contextlib import suppress
from typing import Final

from obamanet.errors import ObamanetError

TRAINING_BYTES = 4_000_000_000
"""Bytes of address space that TensorFlow needs to load and run; with less it may crash without a message. Measured with
ulimit -v (benchmarks/RESULTS.md, "Constants")."""

M_MMAP_THRESHOLD: Final = -3
"""Parameter of mallopt(3), from glibc's malloc.h."""

LARGE_BLOCK: Final = 1 << 20
"""Bytes. Pictures of 512 x 512 pixels and smaller ones are below, so that no frame costs calls of the system."""

OUT_OF_MEMORY_MESSAGES = (
    "failed to map segment",
    "cannot allocate memory",
    "could not create a memory object",
    "can't start new thread",
    "oom when allocating",
    "bad_alloc",
)
"""Parts of the messages, in lower case, with which the loader, threads, oneDNN, TensorFlow and C++ report that memory
has run out."""


def check_memory() -> None:
    """Checks the limit of this process's address space.

    Raises:
        ObamanetError: the limit is below what training needs.
    """
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit.
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < TRAINING_BYTES:
        raise ObamanetError(
            f"not enough memory: this process is limited to {limit / 1e9:.2g} GB (see ulimit -v), "
            f"training needs {TRAINING_BYTES / 1e9:g} GB"
        )


def limit_memory(size: int) -> None:
    """Limits this process's address space to ``size`` bytes, or leaves a tighter limit.

    Nothing is done on Windows, which has no such limit, and on macOS, which refuses it.
    """
    if sys.platform == "darwin":
        return
    try:
        import resource
    except ModuleNotFoundError:
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    allowed = min((limit for limit in (soft, hard) if limit != resource.RLIM_INFINITY), default=size)
    resource.setrlimit(resource.RLIMIT_AS, (min(size, allowed), hard))


def return_large_blocks() -> None:
    """Lets glibc give every block of LARGE_BLOCK bytes and more back to the system when it is freed.

    By itself it keeps those no larger than the largest one that was freed, up to 32 MB, between smaller ones, so that
    resident memory grows with time. Not for training, which allocates large blocks all the time. With other C libraries
    nothing is done.
    """
    if sys.platform != "linux":
        return
    import ctypes

    with suppress(AttributeError):  # Only glibc has mallopt.
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, LARGE_BLOCK)


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether ``error`` reports a lack of memory."""
    return isinstance(error, MemoryError) or any(message in str(error).lower() for message in OUT_OF_MEMORY_MESSAGES)
