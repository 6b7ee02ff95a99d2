"""Errors that libraries raise on damaged files, and what is said of them."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tokenize import TokenError
from zipfile import BadZipFile

from napari_emcad.core.errors import UserError

READ_ERRORS = (OSError, EOFError, ValueError, KeyError, RuntimeError, struct.error, zlib.error)
"""Errors that h5py, tifffile, zarr, Pillow and their codecs raise on damaged data."""

TABLE_ERRORS = (*READ_ERRORS, BadZipFile, SyntaxError, TokenError)
"""Errors that NumPy raises on damaged files of its own."""

HEADER_ERRORS = (*TABLE_ERRORS, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)
"""Errors that they raise on damaged headers and metadata: numbers that make no sense go deep before one is noticed."""


def first_line(error: BaseException, most: int = 200) -> str:
    """Return the first line of an error's message, cut after `most` characters; the error's type if it says nothing."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= most else f"{lines[0][:most]} ..."


@contextmanager
def explain_header_errors(
    what: str, remedy: str, reason: Callable[[BaseException], str] = first_line
) -> Iterator[None]:
    """Say in one sentence that a header or metadata cannot be read.

    Parameters
    ----------
    what : str
        Beginning of the sentence: "a.tif: the TIFF".
    remedy : str
        Advice, the end of the sentence.
    reason : callable
        Takes the error and returns what is said of it.

    Raises
    ------
    UserError
        For any of `HEADER_ERRORS`.
    """
    try:
        yield
    except HEADER_ERRORS as error:
        raise UserError(f"{what} cannot be read ({reason(error)}); {remedy}.") from error
