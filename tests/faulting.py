"""Disks that fail: each change to the disk in turn, and all that follow, are refused with an error of the system."""

import errno
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from killing import Work, is_change

from napari_emcad.core.errors import UserError
from napari_emcad.io import parts

NUMBERS = (errno.ENOSPC, errno.EROFS, errno.EIO, errno.EMFILE, errno.EDQUOT, errno.ESTALE, errno.EACCES)


MOST = 500
"""Changes at which a work is let fail."""


class Disk:
    """The disk as this program sees it: from the n-th change on it refuses all with an error.

    One that was full has room again for what is removed.
    """

    def __init__(self):
        self.left, self.number, self.is_failing = 0, 0, False
        fsync = os.fsync
        sys.addaudithook(self._hear)
        os.fsync = lambda file: (self._count(), fsync(file))[1]

    @contextmanager
    def failing(self, left: int, number: int):
        self.left, self.number, self.is_failing = left, number, True
        try:
            yield
        finally:
            self.is_failing = False

    @property
    def has_failed(self) -> bool:
        return self.left < 0

    def _hear(self, event: str, arguments: tuple) -> None:
        frees = event in ("os.remove", "os.rmdir") and self.number in (errno.ENOSPC, errno.EDQUOT)
        if self.is_failing and is_change(event, arguments) and not frees and arguments[0] != os.devnull:
            self._count()

    def _count(self) -> None:
        self.left -= self.is_failing
        if self.is_failing and self.left < 0:
            raise OSError(self.number, os.strerror(self.number))


@contextmanager
def ended():
    """Take this program for one that has ended: what it could not remove is left to the next one."""
    is_running, parts._is_running = parts._is_running, lambda *_: False
    try:
        yield
    finally:
        parts._is_running = is_running


def fail_at_each_change(work: Work, folder: Path, step: int = 1) -> int:
    """Let a work fail at every change, or every step-th, until none is left; return how many there were.

    It ends with one sentence or has done its work; after that all is old or new, and nothing is left over.
    """
    folder.mkdir()
    work.prepare(folder)
    disk = Disk()
    for n in range(0, MOST, step):
        number = NUMBERS[n // step % len(NUMBERS)]
        try:
            with disk.failing(n, number):
                work.act(folder, lambda _: None)
        except UserError as error:
            sentence = str(error)
            assert sentence.endswith(".") and "\n" not in sentence, sentence
            assert "Errno" not in sentence and ".part" not in sentence, sentence
            assert disk.has_failed, f"without a fault: {sentence}"
        try:
            with ended():
                work.check(folder, [])
        except BaseException as error:
            error.add_note(f"{work.name}: {os.strerror(number)} at change {n}")
            raise
        if not disk.has_failed:
            return n
    raise AssertionError(f"{work.name}: there is no end of changes")
