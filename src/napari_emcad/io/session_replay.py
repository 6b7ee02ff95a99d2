"""The edits of one session, made again in another one of the same region."""

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job
from napari_emcad.io.sessions import OpenSession
from napari_emcad.proofreading.replay import Replayed, replay

_CONTENT = 3
"""Words of a fingerprint that tell of content, shape and dtype; what follows changes with every copy of the file."""


def replaying(old: OpenSession, new: OpenSession) -> Job[list[Replayed]]:
    """Make all edits in force of one session again in another, see `proofreading.replay`.

    Raises
    ------
    UserError
        Where they are not of the same region of the same stack, or the new one cannot be edited.
    """
    if old.folder.resolve() == new.folder.resolve():
        raise UserError(f"replay: two sessions are needed, got {old.folder} twice.")
    if new.why_read_only:
        raise UserError(new.why_read_only)
    _check_region(old, new)
    return (yield from replay(old.session, new.session))


def _check_region(old: OpenSession, new: OpenSession) -> None:
    contents = [opened.facts.fingerprint.split()[:_CONTENT] for opened in (old, new)]
    if all(contents) and contents[0] != contents[1]:
        raise UserError(
            f"replay: sessions of the same stack are needed, got {old.facts.source} and {new.facts.source}; "
            "segment the stack of the old session again."
        )
    boxes = [opened.facts.box_of(opened.session.state.base.fragments.shape) for opened in (old, new)]
    if boxes[0] != boxes[1]:
        wanted, got = (",".join(f"{a}:{b}" for a, b in zip(box.start, box.stop, strict=True)) for box in boxes)
        raise UserError(f"replay: a session of the same region {wanted} is needed, got {got}; segment that region.")
