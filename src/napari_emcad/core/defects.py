"""The words for a defect of the program: what failed, and where to report it."""

import traceback
from importlib.metadata import PackageNotFoundError, metadata

from napari_emcad.core.errors import UserError

_TRACKERS = ("issues", "issue tracker", "bug tracker", "tracker")


def issue_page() -> str:
    """Return the address at which defects are reported, as the installed package names it; empty if it names none."""
    try:
        urls = metadata("napari-emcad").get_all("Project-URL") or []
    except PackageNotFoundError:
        return ""
    named = [url.partition(",") for url in urls]
    return next((address.strip() for name, _, address in named if name.strip().lower() in _TRACKERS), "")


def what_failed(error: BaseException) -> str:
    """Return an error's type and the first line of its words, such as "KeyError: 'scale'"."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__


def why_no_defect(error: BaseException) -> str:
    """Return one sentence for an error that is none of the program's: a person's, the disk's, or that of full memory.

    It is empty for a defect of the program.
    """
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, MemoryError):
        return "Memory has run out; close what is not needed, or choose a smaller region."
    if isinstance(error, OSError) and error.errno and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        return f"{where}{error.strerror}; nothing is done, see to it and try again."
    return ""


def defect_text(error: BaseException, copying: str) -> str:
    """Return the sentence for a defect; `copying` says what to do to have its traceback, such as "press Copy"."""
    page = issue_page()
    where = f"at {page}" if page else "to its developers"
    return f"This is a defect of napari-emcad ({what_failed(error)}): {copying} and report it {where}."


def traceback_text(error: BaseException) -> str:
    """Return the traceback of an error as text of many lines."""
    return "".join(traceback.format_exception(error))
