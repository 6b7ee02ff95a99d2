"""The last step of what is never half-written: bring it to the disk, and put it in the place of what was there."""

import ctypes
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from napari_emcad.io.parts import before_of

_AT_ONCE = 16
"""Files of a folder that are brought to the disk at once: most of the time is spent waiting."""

_LINUX_EXCHANGE = 2
"""RENAME_EXCHANGE of renameat2 (linux/fs.h)."""

_MAC_SWAP = 2
"""RENAME_SWAP of renamex_np (sys/stdio.h)."""

_LINUX_HERE = -100
"""AT_FDCWD (linux/fcntl.h)."""


def synchronise(part: Path) -> None:
    """Bring a file, or a folder with all in it, to the disk: a power cut cannot leave the name without the content.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    if not part.is_dir():
        _synchronise_file(part)
        return
    files: list[Path] = []
    folders: list[Path] = []
    for folder, _, names in os.walk(part):
        folders.append(Path(folder))
        files += [path for name in names if not (path := Path(folder) / name).is_symlink()]
    synchronise_all(files, folders)


def synchronise_all(files: Iterable[Path], folders: Iterable[Path]) -> None:
    """Bring files and the names in folders to the disk, several at once.

    Raises
    ------
    OSError
        If the disk does not take one.
    """
    with ThreadPoolExecutor(_AT_ONCE) as threads:
        list(threads.map(_synchronise_file, files))
        list(threads.map(synchronise_folder, folders))


def put_in_place(part: Path, target: Path) -> None:
    """Put `part`, which is on the disk, in the place of `target`, which is there or not, old or new, at any moment.

    A file takes the place of a file in one step. A folder does so where the system can exchange two names; `part` is
    the old one afterwards, to be removed. Where it cannot, the old one is NAME. ... .before for a moment, which
    `remove_parts` brings back. A folder is never replaced by a file.

    Raises
    ------
    OSError
        If that is not possible; nothing has changed then.
    """
    if not target.is_dir() or part.is_file():
        part.replace(target)
    elif not exchange(part, target):
        before = before_of(target)
        target.rename(before)
        try:
            part.rename(target)
        except OSError:
            before.rename(target)
            raise
        synchronise_folder(target.parent)
        shutil.rmtree(before, ignore_errors=True)
    synchronise_folder(target.parent)


def exchange(one: Path, other: Path) -> bool:
    """Give each of two files or folders the name of the other in one step; False if the system or its disk cannot."""
    call = _exchange()
    return call is not None and call(os.fsencode(one), os.fsencode(other)) == 0


def synchronise_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk; Windows has no such call, and does not need it."""
    if os.name == "nt":
        return
    with suppress(OSError):  # some network disks have no such call either
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _synchronise_file(path: Path) -> None:
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@lru_cache(1)
def _exchange() -> Callable[[bytes, bytes], int] | None:
    """Return the system's call that exchanges two names, 0 = done; None if it has none."""
    with suppress(OSError, AttributeError):
        if sys.platform == "linux":
            rename = ctypes.CDLL(None).renameat2
            return lambda one, other: int(rename(_LINUX_HERE, one, _LINUX_HERE, other, _LINUX_EXCHANGE))
        if sys.platform == "darwin":
            swap = ctypes.CDLL(None).renamex_np
            return lambda one, other: int(swap(one, other, _MAC_SWAP))
    return None
