"""What becomes of freed memory in a process that trains."""

import ctypes
from contextlib import suppress

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # as mallopt(3) numbers them
_MOST = 32 * 2**20  # bytes; the largest threshold that glibc takes


def keep_freed_memory() -> None:
    """Have this process keep what it frees, where its C library is glibc.

    Else blocks as large as the activations of a batch go back to the system, and every update fetches them anew, page
    by page.
    """
    with suppress(OSError, TypeError, AttributeError):  # another C library
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_THRESHOLD, _MOST)
        libc.mallopt(_TRIM_THRESHOLD, 2**31 - 1)
