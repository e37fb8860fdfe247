"""Whether this process may have the memory that training needs, and which errors say that it had not."""

from __future__ import annotations

from obamanet.errors import ObamanetError

NEEDED = 4_000_000_000
"""Bytes of address space with which TensorFlow loads and runs; with less it ends in many ways,
among them crashes that leave no message. Measured with ulimit -v: 4.1 GB is enough, 3.1 GB is not."""

SIGNS = (
    "failed to map segment",
    "cannot allocate memory",
    "could not create a memory object",
    "can't start new thread",
    "oom when allocating",
    "bad_alloc",
)
"""What the loader, threads, oneDNN, TensorFlow and C++ say, in lower case, when memory has run out."""


def check_memory() -> None:
    """Raise :class:`ObamanetError` when the process's address space is limited to less than training needs."""
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit.
        return
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    if limit != resource.RLIM_INFINITY and limit < NEEDED:
        raise ObamanetError(
            f"not enough memory: this process is limited to {limit / 1e9:.2g} GB (see ulimit -v), "
            f"training needs {NEEDED / 1e9:g} GB"
        )


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether ``error`` says that there was not enough memory."""
    return isinstance(error, MemoryError) or any(sign in str(error).lower() for sign in SIGNS)
