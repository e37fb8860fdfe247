"""Memory of a process: what is freed goes back to the system."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

BLOCKS_MAPPED_AGAIN = """
import ctypes
from obamanet.memory import LARGE_BLOCK, return_large_blocks

class Mallinfo(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int) for name in ("arena", "ordblks", "smblks", "hblks")]
    _fields_ += [("rest", ctypes.c_int * 6)]

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_size_t], [ctypes.c_void_p]
libc.mallinfo.restype = Mallinfo
{call}
libc.free(libc.malloc(4 * LARGE_BLOCK))
before = libc.mallinfo().hblks
libc.malloc(4 * LARGE_BLOCK)
print(libc.mallinfo().hblks - before)
"""
"""Prints 1 where the second of two large blocks, the first of which was freed, is mapped on its own, 0 elsewhere."""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs the C library glibc")
@pytest.mark.parametrize(("call", "mapped"), [("", "0"), ("return_large_blocks()", "1")])
def test_large_blocks_stay_apart_from_the_heap(call: str, mapped: str) -> None:
    command = [sys.executable, "-c", BLOCKS_MAPPED_AGAIN.format(call=call)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == mapped
