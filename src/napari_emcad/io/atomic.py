"""Nothing is ever half-written: write beside the target, bring it to the disk, then rename.

`write_beside` says in a sentence why that fails and `write_then_rename` leaves that to the caller; `write_together` and
`replace_files` do it for several files that belong together. A program that is killed at any moment leaves the old or
the new, and something unfinished whose name says whose it was (see `parts`); the next one that writes there removes it.
"""

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.io.parts import is_in_part, part_of, remove_parts
from napari_emcad.io.put_in_place import put_in_place, synchronise, synchronise_folder
from napari_emcad.io.write_errors import FULL, error_of_disk, explain_write

if sys.platform != "win32":
    import fcntl
else:
    fcntl = None

PAUSES = (0.0, 0.05, 0.2, 0.5)
"""Seconds before each attempt to remove a folder that was given up."""

Step = tuple[Path, bytes]
"""A file, and what it holds from then on."""


@contextmanager
def write_beside(target: Path, bytes_needed: Callable[[Path], int]) -> Iterator[Path]:
    """Give a path in the target's folder to write a file or a folder to; it becomes the target at the end.

    Whatever ends the block early (an error, a cancelled job) removes it and leaves an existing target as it was. What
    dead programs have left unfinished in the folder is removed first.

    Parameters
    ----------
    target : Path
        A link is followed, an existing file or folder replaced by one of its kind.
    bytes_needed : callable
        From the unfinished file to the bytes that the whole takes; asked when the disk is full.

    Raises
    ------
    UserError
        If the disk is full, read-only or away, or the folder is missing or may not be written to.
    """
    try:
        target = _checked(target)
    except OSError as error:
        raise explain_write(error, target) from error
    part = part_of(target)
    if not is_in_part(target):
        remove_parts(target.parent)

    def explain(error: OSError) -> Exception:
        return explain_write(error, target, _needed(error, part, bytes_needed))

    with _named(part, target), _written(target, part, explain):
        yield part


@contextmanager
def write_then_rename(target: Path) -> Iterator[Path]:
    """Do what `write_beside` does for a caller that explains errors itself: an OSError stays one."""
    target = target.resolve()
    with _written(target, part_of(target), lambda error: error) as part:
        yield part


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
    with _folder_beside(targets[-1]) as folder:
        yield folder
        _rename_all([(folder / target.name, target) for target in targets], is_new=False)


def replace_files(contents: Mapping[Path, bytes]) -> None:
    """Write files of one folder that belong together, the last one last, in place of those that are there.

    Raises
    ------
    UserError
        If one cannot be written; what was there before then stays.
    """
    replace_in_turn(contents.items())


def replace_in_turn(steps: Iterable[Step], is_new: bool = False) -> None:
    """Write files of one folder one after the other; all of them are on the disk before the first takes its place.

    Parameters
    ----------
    steps : iterable of (Path, bytes)
        A file may come twice, so that whatever moment a program is killed at leaves files that fit together.
    is_new : bool
        True: nothing that is there is replaced.

    Raises
    ------
    FileExistsError
        If something is there, and nothing is to be replaced.
    UserError
        If one cannot be written; what was there before then stays.
    """
    todo = list(steps)
    last = todo[-1][0].absolute()
    with _explained(last, todo):
        _checked(last)
        remove_parts(last.parent)
        with _folder_beside(last) as folder, _explained(last, todo):  # while the unfinished is still there
            paths = [path for path, _ in todo]
            parts = [folder / (f"{n}." * (path in paths[:n]) + path.name) for n, path in enumerate(paths)]
            for part, (_, content) in zip(parts, todo, strict=True):
                part.write_bytes(content)
            _rename_all([(part, path) for part, (path, _) in zip(parts, todo, strict=True)], is_new)


@contextmanager
def _explained(target: Path, steps: list[Step]) -> Iterator[None]:
    """Say in a sentence why files cannot be written; that one is there already stays as it is."""
    try:
        yield
    except FileExistsError:
        raise
    except OSError as error:
        raise explain_write(error, target, sum(len(content) for _, content in steps)) from error


@contextmanager
def temporary_beside(target: Path) -> Iterator[Path]:
    """Give a path beside a target that nobody else uses; what is there at the end is removed."""
    part = part_of(target)
    try:
        with _named(part, target):
            yield part
    finally:
        _remove(part)


def discard(folder: Path) -> None:
    """Remove a folder that is not needed any more, as far as that is possible; never is half of it there."""
    part = part_of(folder)
    with suppress(OSError):
        folder.rename(part)
        _remove(part)


@contextmanager
def locked_folder(folder: Path) -> Iterator[None]:
    """Let one program at a time do something in a folder; a killed one lets go. Nothing is left in the folder.

    Where the system or the disk has no locks of folders nobody waits.
    """
    if fcntl is None:
        yield
        return
    descriptor = None
    try:
        with suppress(OSError):
            descriptor = os.open(folder, os.O_RDONLY)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _checked(target: Path) -> Path:
    """Return a target with its links followed.

    Raises
    ------
    UserError
        If it lies in no folder.
    OSError
        If the disk does not answer, or takes no such name.
    """
    target = target.resolve()
    with suppress(FileNotFoundError, NotADirectoryError):
        target.lstat()  # refuses a name that is too long before the work
    if not target.parent.is_dir():
        what = "is a file" if target.parent.exists() else "does not exist"
        remedy = "choose another" if target.parent.exists() else "create it or choose another"
        raise UserError(f"{target}: cannot be written, the folder {target.parent} {what}; {remedy}.")
    return target


def _needed(error: OSError, part: Path, bytes_needed: Callable[[Path], int]) -> int | None:
    """Return the bytes that the whole takes, if the disk is full; None if that cannot be said."""
    if error.errno in FULL:
        with suppress(OSError, ZeroDivisionError):
            return bytes_needed(part)
    return None


@contextmanager
def _written(target: Path, part: Path, explain: Callable[[OSError], Exception]) -> Iterator[Path]:
    """Give a part, and put it in the place of the target at the end; what is left of it is removed in any case.

    What the disk said first is explained and raised, also where a library has made another error of it; it is explained
    while the unfinished is still there, as it is part of the reason.
    """
    try:
        yield part
        synchronise(part)
        put_in_place(part, target)
    except BaseException as error:
        said = _first_word(error)
        explained = error if said is None else explain(said)
        _remove_given_up(part)
        if explained is error:
            raise
        raise explained from error
    _remove(part)  # the older folder, where they were exchanged


@contextmanager
def _named(part: Path, target: Path) -> Iterator[None]:
    """Say the name of a target in sentences about what is written into it."""
    try:
        yield
    except UserError as error:
        if str(part) not in str(error):
            raise
        raise type(error)(str(error).replace(str(part), str(target))) from error


def _first_word(error: BaseException) -> OSError | None:
    """Return what the disk said, or another error of the system; None if an error is about something else."""
    return error_of_disk(error) or (error if isinstance(error, OSError) else None)


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """Give an empty folder beside a target, which is removed at the end."""
    with temporary_beside(target) as folder:
        folder.mkdir()
        yield folder


def _rename_all(renames: list[tuple[Path, Path]], is_new: bool) -> None:
    """Rename files one after the other; if one cannot be renamed, what was there before is put back."""
    for part, _ in renames:
        synchronise(part)
    done: list[tuple[Path, Path | None]] = []
    try:
        for part, target in renames:
            old = None if is_new else _kept(target, part.with_name(f"{part.name}.old"))
            if is_new:
                _rename_to_new(part, target)
            else:
                part.replace(target)
            done.append((target, old))
            synchronise_folder(target.parent)
    except BaseException:
        for target, old in reversed(done):
            with suppress(OSError):
                old.replace(target) if old else target.unlink()
        raise


def _rename_to_new(part: Path, target: Path) -> None:
    """Rename a file to a name that nobody has: of two programs at once, only one gets it.

    Raises
    ------
    FileExistsError
    """
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except OSError:  # a disk without such links
        if os.path.lexists(target):
            raise FileExistsError(target) from None
        part.replace(target)


def _kept(target: Path, old: Path) -> Path | None:
    """Keep what is there under another name; None if nothing is."""
    if not target.is_file():
        return None
    try:
        os.link(target, old)
    except OSError:  # a disk without such links
        shutil.copyfile(target, old)
    return old


def _remove_given_up(part: Path) -> None:
    """Remove what was not finished. Threads of zarr and tensorstore write on for a moment when one of them fails."""
    if not os.path.isdir(part):
        _remove(part)
        return
    for pause in PAUSES:
        time.sleep(pause)
        shutil.rmtree(part, ignore_errors=True)


def _remove(part: Path) -> None:
    """Remove a file or a folder, as far as that is possible: an error here would hide the one that led here."""
    with suppress(OSError):
        if os.path.isdir(part):
            shutil.rmtree(part, ignore_errors=True)
        elif os.path.lexists(part):
            part.unlink()
