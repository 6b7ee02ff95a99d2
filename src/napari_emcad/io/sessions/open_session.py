"""Sessions that are open: a folder NAME.emcad goes in, a session to read or to edit comes out."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.geometry import triple
from napari_emcad.core.progress import Job
from napari_emcad.core.segmentation import Segmentation
from napari_emcad.core.volume import AffinityVolume
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.parts import remove_parts
from napari_emcad.io.sessions.affinity_files import read_affinities
from napari_emcad.io.sessions.block_files import BlockFiles
from napari_emcad.io.sessions.box_files import keep_boxes, read_boxes
from napari_emcad.io.sessions.columns import damaged
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.file_names import AFFINITIES, BOXES, EDITS, FACTS_FILE
from napari_emcad.io.sessions.lock import SessionLock
from napari_emcad.io.sessions.segmentation_files import read_segmentation
from napari_emcad.proofreading.effects import parted_boxes
from napari_emcad.proofreading.log import EditLog
from napari_emcad.proofreading.session import Session, base_hash


@dataclass(frozen=True)
class OpenSession:
    """A session in a folder. Close it, or use it as a context manager.

    Attributes
    ----------
    folder : Path
    facts : SessionFacts
    session : Session
    affinities : AffinityVolume (3, z, y, x) uint8, or None
        Read by what is sliced from it.
    why_read_only : str
        One sentence; empty if edits can be made.
    lock : SessionLock or None
        None if it was opened only to read.
    """

    folder: Path
    facts: SessionFacts
    session: Session
    affinities: AffinityVolume | None
    why_read_only: str
    lock: SessionLock | None = None

    @property
    def has_no_locks(self) -> bool:
        """True if only the lack of file locks on its disk keeps it from being edited."""
        return self.lock is not None and self.lock.has_no_locks and self.why_read_only == self.lock.why_not

    def close(self) -> None:
        """Let others write to the session."""
        try:
            self.session.log.close()
        finally:
            if self.lock:
                self.lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def open_session(folder: Path, to_read: bool = False) -> OpenSession:
    """Open a session: to edit it, or to read if another program edits it or its log is damaged.

    Parameters
    ----------
    folder : Path
    to_read : bool
        Only to read; the session stays free for others to edit.

    Raises
    ------
    UserError
        If the folder is no session, or a file of it is missing, damaged, or does not belong to the others.
    """
    folder = Path(folder)
    facts = read_facts(folder)
    base = read_segmentation(folder, facts.checksums)
    affinities = read_affinities(folder, base.fragments.shape, facts.checksums.get(AFFINITIES))
    lock = None if to_read else SessionLock(folder)
    try:
        return _open(folder, facts, base, affinities, lock)
    except BaseException:
        if lock:
            lock.release()
        raise


def open_session_at(opened: OpenSession, seq: int) -> Session:
    """Return the session as it was after edit `seq`, 0 = before the first; apart from the open one, and read-only.

    Raises
    ------
    UserError
        If there is no such edit.
    """
    last = len(opened.session.log.rows)
    if not 0 <= seq <= last:
        raise UserError(f"{opened.folder}: an edit from 0 to {last} is needed, got {seq}; choose one from the log.")
    log = _open_log(opened.folder)
    del log.rows[seq:]
    base = read_segmentation(opened.folder, opened.facts.checksums)
    return _session(base, log, opened.facts, opened.affinities, opened.facts.base_hash)


def find_boxes(opened: OpenSession) -> Job[FragmentBoxes]:
    """Return the boxes of a session's fragments, also of those that edits parted, and of the parts.

    They are kept with the session; if they are missing, they are searched once.
    """
    found, base = read_boxes(opened.folder, opened.facts.checksums.get(BOXES)), opened.session.state.base
    if found is None or len(found) != len(base.sizes):
        found = yield from find_fragment_boxes(base.fragments)
        if len(found) == len(base.sizes) and not opened.why_read_only:
            keep_boxes(opened.folder, found)
    parted = parted_boxes(row.effect for row in opened.session.log.rows if not row.is_plain)
    return found.changed(parted) if parted else found


def _open(
    folder: Path, facts: SessionFacts, base: Segmentation, affinities: AffinityVolume | None, lock: SessionLock | None
) -> OpenSession:
    why_not = f"{folder}: opened for reading only; open it to edit." if lock is None else lock.why_not
    log = _open_log(folder)
    here = facts.base_hash if isinstance(base.fragments, ChunkedLabels) else base_hash(base)  # too many to be read
    if {here, *(row.base_hash for row in log.rows)} != {facts.base_hash}:
        raise UserError(
            f"{folder}: its edits were made on other fragments than those it holds; "
            "copy the session again from where it is whole."
        )
    if facts.box_of(triple(base.fragments.shape)).shape != base.fragments.shape:
        raise damaged(folder / FACTS_FILE)
    session = _session(base, log, facts, affinities, here)
    if lock and not why_not:
        log.open_to_write(lock.why_lost)
        _remove_rests(folder)
    return OpenSession(folder, facts, session, affinities, log.damage or why_not, lock)


def _remove_rests(folder: Path) -> None:
    """Remove what a program that was killed has left: what is unfinished, and files of the run by blocks."""
    remove_parts(folder, alone=True)
    files = BlockFiles(folder)
    if files.has_rests:
        with suppress(UserError):
            files.clear()


def _session(
    base: Segmentation, log: EditLog, facts: SessionFacts, affinities: AffinityVolume | None, known_hash: str
) -> Session:
    planned = facts.planned(base.fragments.shape)
    return Session(base, log, facts.threshold, facts.min_size, affinities, planned=planned, known_hash=known_hash)


def _open_log(folder: Path) -> EditLog:
    """Open the log to read: nothing is written before all else was found to be whole."""
    if not (folder / EDITS).is_file():
        raise UserError(f"{folder / EDITS}: the edit log is missing; copy the session again from where it is whole.")
    return EditLog(folder / EDITS, read_only=True)
