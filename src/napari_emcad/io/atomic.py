"""Nothing is ever half-written: write beside the target, then rename."""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from napari_emcad.core.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)

PAUSES = (0.0, 0.05, 0.2, 0.5)
"""Seconds after which it is looked again whether a folder that was given up is gone."""


@contextmanager
def write_beside(target: Path, bytes_needed: Callable[[Path], int]) -> Iterator[Path]:
    """Give a path in the target's folder to write a file or a folder to; it becomes the target at the end.

    Whatever ends the block early (an error, a cancelled job) removes it and leaves an existing target as it was.

    Parameters
    ----------
    target : Path
        A link is followed, an existing file or folder replaced.
    bytes_needed : callable
        From the unfinished file to the bytes that the whole takes; asked when the disk is full.

    Raises
    ------
    UserError
        Where the disk is full, or the folder is missing or may not be written to.
    """
    target = target.resolve()
    _check_folder(target)
    part = target.with_name(f"{target.name}.{secrets.token_hex(3)}.part")
    try:
        yield part
        _synchronise(part)
        _rename(part, target)
    except OSError as error:
        raise _explained(error, target, part, bytes_needed) from error
    finally:
        _remove(part)


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise UserError(
            f"{target}: cannot be written, the folder {target.parent} does not exist; create it or choose another."
        )


def _explained(error: OSError, target: Path, part: Path, bytes_needed: Callable[[Path], int]) -> UserError:
    if error.errno in FULL:
        needed = max(1, -(-bytes_needed(part) // 10**6))
        return UserError(
            f"{target}: disk full, about {needed:,} MB are needed; nothing was written, make room or use another disk."
        )
    if error.errno in FORBIDDEN:
        return UserError(f"{target}: there is no permission to write in {target.parent}; choose another folder.")
    return UserError(f"{target}: could not be written ({error}); nothing was written, try another folder.")


def _synchronise(part: Path) -> None:
    """Bring a file to the disk, so that a power cut cannot leave the name without the content.

    A folder of many chunks is not synchronised file by file: what is kept so (affinities) can be computed again.
    """
    if part.is_file():
        with part.open("rb+") as file:
            os.fsync(file.fileno())


def _rename(part: Path, target: Path) -> None:
    """Put `part` in the place of `target`: a file in one step; a folder in two, as systems replace only empty ones."""
    if not target.is_dir():
        part.replace(target)
        return
    before = target.with_name(f"{part.name}.before")
    target.rename(before)
    try:
        part.rename(target)
    except OSError:
        before.rename(target)
        raise
    shutil.rmtree(before, ignore_errors=True)


def _remove(part: Path) -> None:
    """Take away what was not finished; threads of zarr and tensorstore write on for a moment when one of them fails."""
    if not part.is_dir():
        part.unlink(missing_ok=True)
        return
    for pause in PAUSES:
        time.sleep(pause)
        shutil.rmtree(part, ignore_errors=True)
