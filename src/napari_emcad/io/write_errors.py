"""Sentences about what cannot be written: whatever the system says becomes one, here alone."""

import errno
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from napari_emcad.core.errors import UserError, chain_of

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk."""

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Error numbers of missing permission to write."""

_NAMES_AWAY = ("EIO", "ESTALE", "ENOTCONN", "ENODEV", "ENXIO", "ETIMEDOUT", "EHOSTDOWN", "EHOSTUNREACH", "EREMOTEIO")

AWAY = tuple(getattr(errno, name) for name in _NAMES_AWAY if hasattr(errno, name))
"""Error numbers of a disk that does not answer, or is not there any more."""

OF_THE_DISK = (*FULL, *FORBIDDEN, *AWAY, errno.EMFILE, errno.ENFILE, errno.EFBIG, errno.ENAMETOOLONG, errno.EBUSY)
"""Error numbers that are never a defect of the program."""

_IN_TEXT = re.compile(r"\[errno (\d+)\]", re.IGNORECASE)


class Hindrance(NamedTuple):
    """The reason why something cannot be written, and what to do: "disk full", "make room or use another disk"."""

    what: str
    remedy: str


def explain_write(
    error: BaseException, target: Path, needed: int | None = None, kept: str = "nothing was written"
) -> UserError:
    """Return the sentence for an error while a target was written.

    Parameters
    ----------
    error : exception
        An OSError, or what a library has made of one.
    target : Path
        As it is shown.
    needed : int, optional
        Bytes that the whole takes, if they are known.
    kept : str
        What is there now, the middle of the sentence.
    """
    found = hindrance(error, target, needed)
    if _number_of(error) in FORBIDDEN:
        return UserError(f"{target}: {found.what}; {found.remedy}.")
    return UserError(f"{target}: {found.what}; {kept}, {found.remedy}.")


def hindrance(error: BaseException, target: Path, needed: int | None = None) -> Hindrance:
    """Return why a target, of so many bytes if they are known, cannot be written; see `explain_write`."""
    number = _number_of(error)
    folder = target.parent
    if number in FULL:
        return _no_room(number, folder, needed)
    if number in FORBIDDEN:
        why = ", its disk is read-only" if number == errno.EROFS else ""
        return Hindrance(f"there is no permission to write in {folder}{why}", "choose another folder")
    if number in AWAY:
        away = f"could not be written, as its disk does not answer ({os.strerror(number)})"
        return Hindrance(away, "see that it is connected and whole, or use another disk")
    if number in _OTHERS:
        what, remedy = _OTHERS[number]
        return Hindrance(what.format(folder=folder), remedy)
    text = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return Hindrance(f"could not be written ({text})", "try another folder")


def error_of_disk(error: BaseException) -> OSError | None:
    """Return what the disk said where an error is, or hides, such an answer; None if it is about something else.

    Libraries tidy up when a write fails, which fails again in another way; the first answer is the true one.
    """
    found = None
    for one in chain_of(error):
        if isinstance(one, UserError):
            return None
        if isinstance(one, OSError) and _number_of(one) in OF_THE_DISK:
            found = one
    if found is None and not isinstance(error, OSError) and (number := _number_in(str(error))):
        return OSError(number, str(error))
    return found


_OTHERS = {
    errno.EMFILE: ("too many files are open", "close other windows and programs and try again"),
    errno.ENFILE: ("too many files are open", "close other windows and programs and try again"),
    errno.ENAMETOOLONG: ("the name is too long for its disk", "choose a shorter one"),
    errno.ENOTDIR: ("could not be written, as a part of the path is a file and no folder", "choose another folder"),
    errno.ENOENT: ("could not be written, as the folder {folder} is not there any more", "choose another one"),
    errno.EISDIR: ("could not be written, as a folder has this name", "choose another name"),
    errno.EEXIST: ("could not be written, as the name is taken", "choose another name"),
    errno.ENOTEMPTY: ("could not be written, as the name is taken", "choose another name"),
    errno.EFBIG: ("its disk holds no file as large as that", "use another disk"),
    errno.EBUSY: ("could not be written, as another program is using it", "close it there and try again"),
    errno.ELOOP: ("could not be written, as links in the path lead in a circle", "choose another folder"),
}
"""Hindrances of further errors, by their number."""


def _no_room(number: int, folder: Path, needed: int | None) -> Hindrance:
    about = f", about {max(1, -(-needed // 10**6)):,} MB are needed" if needed is not None else ""
    if number == errno.EDQUOT:
        return Hindrance(f"disk full{about}, as the quota of this account is used up", "make room or use another disk")
    if _has_no_inodes(folder):
        return Hindrance("disk full, it takes no more files however small", "remove some or use another disk")
    return Hindrance(f"disk full{about}", "make room or use another disk")


def _has_no_inodes(folder: Path) -> bool:
    """Return True if a disk with room for bytes has none for files."""
    with suppress(OSError, AttributeError):
        disk = os.statvfs(folder)
        return disk.f_files > 0 and disk.f_favail == 0 and disk.f_bavail > 0
    return False


def _number_of(error: BaseException) -> int:
    """Return the number of an error; 0 if it has none."""
    number = getattr(error, "errno", None)
    return number if isinstance(number, int) else _number_in(str(error))


def _number_in(text: str) -> int:
    """Return the number of an error that a library tells in words alone; 0 if it does not."""
    if found := _IN_TEXT.search(text):
        return int(found[1])
    return next((number for number in OF_THE_DISK if os.strerror(number) in text), 0)
