"""Making the edits of one session again on another segmentation of the same stack.

An edit is understood as what it says about places (`claims`), and made again only where the new segmentation does not
say the same already. Later edits win, as they did when they were made.
"""

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes, find_fragment_boxes
from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.core.wording import shape_text
from napari_emcad.proofreading.replay.claims import Claims
from napari_emcad.proofreading.replay.edits import EditReplayer
from napari_emcad.proofreading.replay.outcomes import Replayed
from napari_emcad.proofreading.replay.overlaps import Overlaps
from napari_emcad.proofreading.replay.places import EditPlaces
from napari_emcad.proofreading.session import Session


def replay(
    old: Session, new: Session, found: list[Replayed] | None = None, boxes: FragmentBoxes | None = None
) -> Job[list[Replayed]]:
    """Make all edits in force of one session again in another; each is an edit there like any other.

    A threshold is set again only on the same fragments: it belongs to the affinities it was chosen for. On others the
    last one counts as lost, and those before it as right, as nothing is left of them in the old session either.
    Closing the generator leaves the edits made so far.

    Parameters
    ----------
    old : Session
        Not modified.
    new : Session
        A session of the same stack; it may have edits already.
    found : list of Replayed, optional
        Filled as edits are made: what is known if the generator is closed early.
    boxes : FragmentBoxes, optional
        Boxes of the old fragments; sought if they are not given.

    Returns
    -------
    list of Replayed
        One for each edit, in the order in which they were made.

    Raises
    ------
    UserError
        If the shapes differ, or the new log cannot be written to.
    """
    before, after = old.state.base.fragments, new.state.base.fragments
    if before.shape != after.shape:
        raise UserError(
            f"replay: the new session must be of the same region, {shape_text(before.shape)} voxels, got "
            f"{shape_text(after.shape)}; segment that region again."
        )
    if boxes is None:
        boxes = yield from find_fragment_boxes(before)
    overlaps = Overlaps(before, after, boxes, (old.state.planned, new.state.planned))
    replayer = EditReplayer(old, new, EditPlaces(old, new, overlaps), Claims(old, overlaps.voxel_inside))
    rows, found = old.rows_in_force, [] if found is None else found
    watch = Stopwatch("edits", len(rows))
    for i, row in enumerate(rows):
        found.append(replayer.replay(row))
        yield watch.at(i + 1)
    return [replayer.check_at_end(one) for one in found]
