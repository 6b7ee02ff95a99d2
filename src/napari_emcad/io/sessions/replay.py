"""A replay: the edits of one session, made again in another one of the same region."""

from contextlib import suppress
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.progress import Job
from napari_emcad.io.sessions.facts import SessionFacts, read_facts
from napari_emcad.io.sessions.lock import lock_holder
from napari_emcad.io.sessions.open_session import OpenSession, find_boxes
from napari_emcad.io.sessions.replay_report import BroughtEdit, ReplayReport, read_report, write_report
from napari_emcad.io.sessions.segmentation_files import check_graph
from napari_emcad.io.stacks.stack import content_of
from napari_emcad.proofreading.replay.outcomes import Replayed
from napari_emcad.proofreading.replay.replay import replay


def replay_session(old: OpenSession, new: OpenSession) -> Job[list[Replayed]]:
    """Make all edits in force of one session again in another, see `proofreading.replay`.

    The report is left in the new session's folder; if the job is closed early, with the edits until then.

    Raises
    ------
    UserError
        If they are not of the same region of the same stack, or the new one cannot be edited.
    """
    _check_two(old.folder, new)
    _check_stack(old.facts, new.facts)
    _check_box(*(opened.facts.box_of(opened.session.state.base.fragments.shape) for opened in (old, new)))
    before = _unsettled_edits(old, new)
    found: list[Replayed] = []
    try:
        for opened in (old, new):
            yield from check_graph(opened.folder)
        boxes = yield from find_boxes(old)
        yield from replay(old.session, new.session, found, boxes)
    except BaseException:
        with suppress(UserError):
            write_report(new.folder, ReplayReport.of(old, found, before))
        raise
    write_report(new.folder, ReplayReport.of(old, found, before))
    return found


def check_replay(old: Path, new: OpenSession) -> None:
    """Refuse at once what `replay_session` would refuse, and a session that somebody is editing just now.

    Parameters
    ----------
    old : Path
        Folder of the session that the edits are in; not opened.
    new : OpenSession

    Raises
    ------
    UserError
        If the two do not fit, the new one cannot be edited, or somebody edits the old one.
    """
    _check_two(old, new)
    facts = read_facts(old)
    if holder := lock_holder(old):
        raise UserError(f"{old}: {holder}; close it there first, then bring its edits.")
    _check_stack(facts, new.facts)
    if facts.box is not None:
        _check_box(Box(*facts.box), new.facts.box_of(new.session.state.base.fragments.shape))


def _check_two(old: Path, new: OpenSession) -> None:
    if old.resolve() == new.folder.resolve():
        raise UserError(f"replay: two sessions are needed, got {old} twice.")
    if new.why_read_only:
        raise UserError(new.why_read_only)


def _check_stack(old: SessionFacts, new: SessionFacts) -> None:
    contents = [content_of(facts.fingerprint) for facts in (old, new)]
    if all(contents) and contents[0] != contents[1]:
        raise UserError(
            f"replay: sessions of the same stack are needed, got {old.source} and {new.source}; "
            "segment the stack of the old session again."
        )


def _check_box(old: Box, new: Box) -> None:
    if old != new:
        raise UserError(
            f"replay: a session of the same region {old.text} is needed, got {new.text}; segment that region."
        )


def _unsettled_edits(*sessions: OpenSession) -> list[BroughtEdit]:
    """Return the edits of earlier replays into these sessions that somebody still has to look at."""
    found: list[BroughtEdit] = []
    for opened in sessions:
        with suppress(UserError):
            report = read_report(opened.folder)
            found += report.open if report else ()
    return found
