"""Messages between a program and its child: each a line of JSON, followed by the bytes of the array that it announces.

Arrays go through the pipe itself: no disk can be full and no file is left behind, whichever of the two is killed.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import index
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.volume import Key

PIECE = 1 << 20
"""Bytes of an array that are read at once."""

PackedKey = list[int | str | list[int | None]]
"""A `Key` as JSON holds it: a whole number, "..." or [start, stop, step] for each of its parts."""


@dataclass(frozen=True)
class ChildMessage:
    """One message.

    Attributes
    ----------
    kind : str
    content : dict
        Anything that JSON can hold.
    array : array or None
        Of any numeric dtype and shape.
    """

    kind: str
    content: dict[str, Any] = field(default_factory=dict)
    array: NDArray[Any] | None = None


def write_message(pipe: IO[bytes], message: ChildMessage) -> None:
    """Write a message and flush the pipe."""
    header: dict[str, Any] = {"kind": message.kind, "content": message.content}
    if message.array is None:
        pipe.write(json.dumps(header).encode() + b"\n")
    else:
        array = np.ascontiguousarray(message.array)
        header["array"] = {"shape": message.array.shape, "dtype": array.dtype.str}
        pipe.write(json.dumps(header).encode() + b"\n")
        pipe.write(_bytes_of(array))
    pipe.flush()


def read_messages(pipe: IO[bytes], on_garbage: Callable[[bytes], None] = lambda _: None) -> Iterator[ChildMessage]:
    """Yield messages until the pipe ends, also in the middle of one.

    Parameters
    ----------
    pipe : binary file
    on_garbage : callable
        Hears of lines that are no messages: others may print into the same pipe.
    """
    for line in pipe:
        header = _header(line)
        if header is None:
            on_garbage(line)
            continue
        array = None
        if "array" in header:
            array = np.empty(header["array"]["shape"], np.dtype(header["array"]["dtype"]))
            if not _fill(array, pipe):
                return
        yield ChildMessage(header["kind"], header["content"], array)


def pack_key(key: Key) -> PackedKey:
    """Return an index of an array as JSON can hold it."""
    return [_pack_part(part) for part in (key if isinstance(key, tuple) else (key,))]


def unpack_key(packed: PackedKey) -> Key:
    """Return the index that `pack_key` has packed."""
    return tuple(... if isinstance(p, str) else slice(*p) if isinstance(p, list) else p for p in packed)


def _pack_part(part: Any) -> int | str | list[int | None]:
    if part is ...:
        return "..."
    if isinstance(part, slice):
        return [None if end is None else index(end) for end in (part.start, part.stop, part.step)]
    return index(part)


def _header(line: bytes) -> dict[str, Any] | None:
    """Return the header in a line; None if it holds something else."""
    try:
        header = json.loads(line)
    except ValueError:
        return None
    return header if isinstance(header, dict) and {"kind", "content"} <= header.keys() else None


def _fill(array: NDArray[Any], pipe: IO[bytes]) -> bool:
    """Read an array's bytes into it. Return False if the pipe ends before."""
    rest = _bytes_of(array)
    while rest:
        piece = pipe.read(min(PIECE, len(rest)))
        if not piece:
            return False
        rest[: len(piece)] = piece
        rest = rest[len(piece) :]
    return True


def _bytes_of(array: NDArray[Any]) -> memoryview:
    """Return the memory of a contiguous array, not copied."""
    return array.reshape(-1).view(np.uint8).data
