"""The text of a log file in any encoding, packed by gzip or not."""

import gzip
import math
import zlib
from io import BufferedIOBase
from pathlib import Path

from stepsize.errors import DataError

HEAD = 2**20
"""The bytes of a file by which its format is recognized; some logs begin with the source of the program."""
LARGEST = 2**29
"""The bytes of the largest text that is read."""
UNPACKED, TIMES = 2**23, 40
"""A packed file may unpack to this many bytes, and this many times its size."""
_GZIP = b"\x1f\x8b"
_MARKS = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}


def head_of(path: Path) -> str:
    """The beginning of a text file; DataError if it is empty or not a text."""
    content = content_of(path, HEAD)
    if not content.strip():
        raise DataError(f"{path} is empty")
    text = content.decode(_encoding(content), errors="replace")
    if "\0" in text or text.count("\ufffd") > len(text) // 10:
        raise DataError(f"{path} is not a log: it is neither a text nor a file that stepsize knows")
    return text


def text_of(path: Path) -> str:
    """The text of a file that `head_of` takes for one; DataError if it is too large."""
    content = content_of(path, LARGEST + 1)
    if len(content) > LARGEST:
        raise DataError(f"{path} has more than {LARGEST // 2**20} MB of text", "keep the lines of the log alone")
    return content.decode(_encoding(content[:HEAD]), errors="replace")


def content_of(path: Path, most: float = math.inf) -> bytes:
    """The first `most` bytes of a file, unpacked; DataError if it cannot be read."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == _GZIP
            file.seek(0)
            if not packed:
                return _read(file, most)
            room = room_for(path)
            with gzip.open(file) as unpacked:
                content = _read(unpacked, min(most, room + 1))
            if len(content) > room:
                sentence = f"{path} unpacks to more than {TIMES} times its size, which no log does"
                raise DataError(sentence, "unpack it yourself, if it is meant so")
            return content
    except (OSError, EOFError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read: {str(reason).lower()}") from error


def room_for(path: Path) -> int:
    """The most bytes to which a packed file of this size may unpack."""
    return min(UNPACKED + TIMES * path.stat().st_size, LARGEST)


def _read(file: BufferedIOBase, most: float) -> bytes:
    """The next bytes, read in parts: to read them at once would take memory for `most`, however short the file is."""
    content = bytearray()
    while part := file.read(int(min(most - len(content), HEAD))):
        content += part
    return bytes(content)


def _encoding(content: bytes) -> str:
    """The encoding that the mark of byte order names, or that the places of zero bytes betray; otherwise UTF-8."""
    for mark, name in _MARKS.items():
        if content.startswith(mark):
            return name
    for first, name in ((1, "utf-16-le"), (0, "utf-16-be")):
        if content[first::2].count(0) > 0.4 * len(content) / 2 > content[1 - first :: 2].count(0):
            return name
    return "utf-8"
