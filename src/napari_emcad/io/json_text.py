"""JSON from files that anybody may have written."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from napari_emcad.io.regular_files import read_regular

LONGEST = 1 << 26
"""Bytes of the longest JSON file that is read: the metadata of a Zarr store with all its arrays."""

MOST_VALUES = 2_000_000
"""Values in a text, at most: each takes some hundred bytes of memory, however short it is written."""


def parse_json(text: str | bytes) -> Any:
    """Return what a JSON text holds.

    Raises
    ------
    ValueError
        If it is none, nested too deep, or of more values than anything that is read as JSON has.
    """
    marks: Any = ",[{" if isinstance(text, str) else (b",", b"[", b"{")
    if sum(map(text.count, marks)) > MOST_VALUES:
        raise ValueError(f"JSON of more than {MOST_VALUES:,} values")
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("JSON that is nested too deep") from error


def read_json(path: Path, longest: int = LONGEST) -> Any:
    """Return what a JSON file holds.

    Parameters
    ----------
    path : Path
    longest : int
        Bytes that such a file has at most.

    Raises
    ------
    OSError
        If it cannot be read.
    ValueError
        If it is none, nested too deep, or too long.
    NotRegular, NoAnswer
        If it is a pipe or a device, or its disk does not answer.
    """
    return parse_json(read_regular(path, longest))


def checksum_of_fields(fields: Mapping[str, Any]) -> int:
    """Return a checksum (CRC-32) of fields of JSON, in whatever order and layout they are written."""
    return zlib.crc32(json.dumps(fields, sort_keys=True).encode())
