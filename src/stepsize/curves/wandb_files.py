"""The binary log of a run of Weights & Biases, run-*.wandb, read without its package.

The file has a header of seven bytes and the records of LevelDB's log: blocks of 32 KiB, in which each piece of a record
has a checksum, a length, and whether it is the whole, the first, a middle or the last piece. A record is a message of
protobuf (wandb_internal.proto); field 2 is a row of the history, and field 17 says what the run is.
"""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

from stepsize.curves.delimited import tables_of
from stepsize.curves.records import sheet_of_records
from stepsize.curves.table import Table
from stepsize.curves.text_file import content_of
from stepsize.errors import DataError

_HEADER = b":W&B"
_BLOCK = 2**15
_WHOLE, _LAST = 1, 4
_HISTORY, _RUN = 2, 17
_ITEM, _KEY, _NESTED_KEY, _JSON = 1, 1, 2, 16
_RUN_ID, _RUN_NAME = 1, 8

Fields = dict[int, list[bytes]]
"""The values of a message by the numbers of their fields."""


def is_wandb_file(path: Path) -> bool:
    """Whether a file is the binary log of a run."""
    if not path.is_file():
        return False
    with open(path, "rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def read_wandb_file(path: Path) -> list[Table]:
    """The history of a run as one table."""
    rows, run = list[dict[str, object]](), path.stem
    try:
        for record in map(_fields, _records(content_of(path))):
            for about in map(_fields, record.get(_RUN, ())):
                run = next(iter(about.get(_RUN_NAME) or about[_RUN_ID])).decode()
            rows += [_row(_fields(row)) for row in record.get(_HISTORY, ())]
    except (KeyError, IndexError, ValueError, RecursionError) as error:
        raise DataError(f"{path} is damaged, or of a newer version of Weights & Biases") from error
    if not rows:
        raise DataError(f"{path} has no history: the run logged nothing")
    return tables_of(sheet_of_records(path, rows), name=run)


def _row(history: Fields) -> dict[str, object]:
    items = map(_fields, history.get(_ITEM, ()))
    return {b"/".join(item.get(_KEY) or item[_NESTED_KEY]).decode(): json.loads(item[_JSON][0]) for item in items}


def _records(content: bytes) -> Iterator[bytes]:
    """The records; one that is cut off ends them, since the run may be writing it."""
    begin, pieces = 7, list[bytes]()
    while begin + 7 <= len(content):
        if (left := _BLOCK - begin % _BLOCK) < 7:
            begin += left
            continue
        checksum, length, piece = struct.unpack_from("<IHB", content, begin)
        end = begin + 7 + length
        if end > len(content):
            return
        if zlib.crc32(content[begin + 6 : end]) != checksum:
            raise ValueError("wrong checksum")
        pieces.append(content[begin + 7 : end])
        begin = end
        if piece in (_WHOLE, _LAST):
            yield b"".join(pieces)
            pieces = []


def _fields(message: bytes) -> Fields:
    """The fields of a message that are bytes; numbers are left out."""
    found: Fields = {}
    begin = 0
    while begin < len(message):
        tag, begin = _number(message, begin)
        kind = tag % 8
        if kind == 0:
            _, begin = _number(message, begin)
        elif kind == 2:
            length, begin = _number(message, begin)
            found.setdefault(tag // 8, []).append(message[begin : begin + length])
            begin += length
        else:
            begin += {1: 8, 5: 4}[kind]
    return found


def _number(message: bytes, begin: int) -> tuple[int, int]:
    """The number in base 128, lowest digit first, that begins here, and where it ends."""
    number = shift = 0
    while message[begin] >= 128:
        number += message[begin] % 128 << shift
        begin, shift = begin + 1, shift + 7
        if shift >= 64:
            raise ValueError("a number of more than 64 bits")
    return number + (message[begin] << shift), begin + 1
