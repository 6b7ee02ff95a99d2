"""Nothing is ever half-written: write beside the target, bring it to the disk, then rename.

`write_beside` says in a sentence why that fails and `write_then_rename` leaves that to the caller; `write_together` and
`replace_files` do it for several files that belong together.
"""

import errno
import os
import secrets
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_emcad.core.errors import UserError

FULL = (errno.ENOSPC, errno.EDQUOT)
"""Error numbers of a full disk."""

FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Error numbers of missing permission to write."""

PART = ".part"
"""Suffix of what is not finished."""

PAUSES = (0.0, 0.05, 0.2, 0.5)
"""Seconds before each attempt to remove a folder that was given up."""


@contextmanager
def write_beside(target: Path, bytes_needed: Callable[[Path], int]) -> Iterator[Path]:
    """Give a path in the target's folder to write a file or a folder to; it becomes the target at the end.

    Whatever ends the block early (an error, a cancelled job) removes it and leaves an existing target as it was.

    Parameters
    ----------
    target : Path
        A link is followed, an existing file or folder replaced by one of its kind.
    bytes_needed : callable
        From the unfinished file to the bytes that the whole takes; asked when the disk is full.

    Raises
    ------
    UserError
        If the disk is full, or the folder is missing or may not be written to.
    """
    target = target.resolve()
    _check_folder(target)
    part = _part_of(target)
    try:
        yield part
        _synchronise(part)
        _rename(part, target)
    except OSError as error:
        raise _explained(error, target, bytes_needed(part) if error.errno in FULL else 0) from error
    finally:
        _remove(part)


@contextmanager
def write_then_rename(target: Path) -> Iterator[Path]:
    """Do what `write_beside` does for a caller that explains errors itself: an OSError stays one."""
    target = target.resolve()
    part = _part_of(target)
    try:
        yield part
        _synchronise(part)
        _rename(part, target)
    finally:
        _remove(part)


@contextmanager
def write_together(*targets: Path) -> Iterator[Path]:
    """Give an empty folder for files that belong together; they are renamed one after the other at the end.

    Parameters
    ----------
    *targets : Path
        All in one folder, and each to be written under its own name. The last is the one whose presence says that all
        are there.

    Raises
    ------
    OSError
        If one cannot be written; those that were there before then stay.
    """
    folder = _part_of(targets[-1])
    folder.mkdir()
    try:
        yield folder
        for target in targets:
            _synchronise(folder / target.name)
        for target in targets:
            _rename(folder / target.name, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files of one folder that belong together, the last one last, in place of those that are there.

    Raises
    ------
    UserError
        If one cannot be written; what was there before then stays.
    """
    last = list(contents)[-1].absolute()
    _check_folder(last)
    try:
        with write_together(*contents) as folder:
            for path, content in contents.items():
                (folder / path.name).write_bytes(content)
    except OSError as error:
        raise _explained(error, last, sum(map(len, contents.values()))) from error


def remove_parts(folder: Path) -> None:
    """Remove what programs that were killed have left unfinished in a folder that nobody writes to now."""
    for part in folder.glob(f"*{PART}"):
        with suppress(OSError):
            _remove(part)


def _part_of(target: Path) -> Path:
    """Return a path beside the target that nobody else uses."""
    return target.with_name(f"{target.name}.{secrets.token_hex(8)}{PART}")


def _check_folder(target: Path) -> None:
    if not target.parent.is_dir():
        raise UserError(
            f"{target}: cannot be written, the folder {target.parent} does not exist; create it or choose another."
        )


def _explained(error: OSError, target: Path, needed: int) -> UserError:
    """Return the sentence for an error while a target of so many bytes was written."""
    if error.errno in FULL:
        megabytes = max(1, -(-needed // 10**6))
        return UserError(
            f"{target}: disk full, about {megabytes:,} MB are needed; nothing was written, "
            "make room or use another disk."
        )
    if error.errno in FORBIDDEN:
        return UserError(f"{target}: there is no permission to write in {target.parent}; choose another folder.")
    return UserError(f"{target}: could not be written ({error}); nothing was written, try another folder.")


def _synchronise(part: Path) -> None:
    """Bring a file to the disk, so that a power cut cannot leave the name without the content.

    A folder of many chunks is not synchronised file by file: what is kept so (affinities) can be computed again.
    """
    if not part.is_dir():
        with part.open("rb+") as file:
            os.fsync(file.fileno())


def _rename(part: Path, target: Path) -> None:
    """Put `part` in the place of `target`: a file in one step; a folder in two, as systems replace only empty ones.

    A folder is never replaced by a file.
    """
    if not target.is_dir() or part.is_file():
        part.replace(target)
    else:
        before = target.with_name(f"{part.name}.before")
        target.rename(before)
        try:
            part.rename(target)
        except OSError:
            before.rename(target)
            raise
        shutil.rmtree(before, ignore_errors=True)
    _synchronise_folder(target.parent)


def _synchronise_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; Windows has no such call, and does not need it."""
    if os.name == "nt":
        return
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _remove(part: Path) -> None:
    """Remove what was not finished. Threads of zarr and tensorstore write on for a moment when one of them fails."""
    if not part.is_dir():
        with suppress(OSError):  # a file system that is read-only refuses even where there is nothing to remove
            part.unlink()
        return
    for pause in PAUSES:
        time.sleep(pause)
        shutil.rmtree(part, ignore_errors=True)
