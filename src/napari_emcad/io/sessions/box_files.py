"""Bounding boxes of the fragments of a session, kept so that they are found once."""

from contextlib import suppress
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.sessions.columns import read_columns, write_columns
from napari_emcad.io.sessions.file_names import BOXES


def write_boxes(folder: Path, boxes: FragmentBoxes) -> None:
    """Write the boxes into a folder that becomes a session."""
    write_columns(folder / BOXES, {"start": boxes.start, "stop": boxes.stop})


def keep_boxes(folder: Path, boxes: FragmentBoxes) -> None:
    """Add the boxes to a session, so that they are not searched again; leave it as it is if they cannot be written."""
    with suppress(UserError), write_beside(folder / BOXES, lambda _: 2 * boxes.start.nbytes) as part:
        write_columns(part, {"start": boxes.start, "stop": boxes.stop})


def read_boxes(folder: Path, seal: int | None = None) -> FragmentBoxes | None:
    """Read the boxes that a session holds; None if there are none, they are damaged, or not those that were sealed."""
    try:
        columns = read_columns(folder / BOXES, ("start", "stop"), seal)
    except UserError:
        return None
    boxes = FragmentBoxes(columns["start"], columns["stop"])
    return boxes if len(boxes.start) == len(boxes.stop) else None
