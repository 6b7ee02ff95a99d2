"""Errors that libraries raise on damaged files, and what is said of them."""

import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

from napari_emcad.core.defects import defect_text
from napari_emcad.core.errors import UserError

READ_ERRORS = (OSError, EOFError, ValueError, KeyError, RuntimeError, SystemError, struct.error, zlib.error)
"""Errors that h5py, tifffile, zarr, Pillow and their codecs raise on damaged data."""

TABLE_ERRORS = (*READ_ERRORS, BadZipFile, SyntaxError, TokenError)
"""Errors that NumPy raises on damaged files of its own."""

HEADER_ERRORS = (*TABLE_ERRORS, TypeError, LookupError, AttributeError, ArithmeticError, AssertionError)
"""Errors that they raise on damaged headers and metadata: numbers that make no sense go deep before one is noticed."""

_OF_DATA = (*TABLE_ERRORS, OverflowError)
"""Errors that code of this package raises, too, where it finds that data are damaged; but for a KeyError."""

_PACKAGE = str(Path(__file__).parents[1])


def first_line(error: BaseException, most: int = 200) -> str:
    """Return the first line of an error's message, cut after `most` characters; the error's type if it says nothing."""
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0] if len(lines[0]) <= most else f"{lines[0][:most]} ..."


def is_defect(error: BaseException) -> bool:
    """Return True for an error of this package's own code; False for one of a library, or one that speaks of data.

    The innermost call decides: libraries raise whatever they like on damaged files.
    """
    if isinstance(error, _OF_DATA) and not isinstance(error, LookupError):
        return False
    frame = error.__traceback__
    while frame is not None and frame.tb_next is not None:
        frame = frame.tb_next
    return frame is not None and frame.tb_frame.f_code.co_filename.startswith(_PACKAGE)


@contextmanager
def explain_read_errors(what: str, remedy: str, reason: Callable[[BaseException], str] = first_line) -> Iterator[None]:
    """Say in one sentence that a file, or a part of one, cannot be read, whatever a library raises over it.

    A defect of this package keeps its traceback, and says that it is one.

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
        For all errors but want of memory and defects, see `is_defect`.
    """
    try:
        yield
    except (UserError, MemoryError):
        raise
    except Exception as error:
        if is_defect(error):
            if not getattr(error, "__notes__", ()):
                error.add_note(defect_text(error, "keep these lines"))
            raise
        raise UserError(f"{what} cannot be read ({reason(error)}); {remedy}.") from error
