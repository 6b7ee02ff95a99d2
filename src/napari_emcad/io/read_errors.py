"""Errors that libraries raise on damaged files, and the first line of what they say."""

import struct
import zlib

READ_ERRORS = (OSError, EOFError, ValueError, KeyError, RuntimeError, struct.error, zlib.error)
"""Errors that h5py, tifffile, zarr, Pillow and their codecs raise on damaged data."""


def first_line(error: BaseException, most: int = 200) -> str:
    """Return the first line of an error's message, cut after `most` characters; the error's type if it says nothing."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= most else f"{lines[0][:most]} ..."
