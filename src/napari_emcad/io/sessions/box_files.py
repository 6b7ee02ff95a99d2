"""Bounding boxes of the fragments of a session, kept so that they are found once."""

from contextlib import suppress
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.fragment_boxes import FragmentBoxes
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.sessions.columns import read_columns, write_columns
from napari_emcad.io.sessions.file_names import BOXES

_BOX_FIELDS = ("start", "stop")


def write_boxes(folder: Path, boxes: FragmentBoxes) -> None:
    """Keep where the fragments lie."""
    write_columns(folder / BOXES, {name: getattr(boxes, name) for name in _BOX_FIELDS})


def keep_boxes(folder: Path, boxes: FragmentBoxes) -> None:
    """Add to a session where its fragments lie, so that it is not sought again; where that cannot be, it is left."""
    with suppress(UserError), write_beside(folder / BOXES, lambda _: 2 * boxes.start.nbytes) as part:
        write_columns(part, {name: getattr(boxes, name) for name in _BOX_FIELDS})


def read_boxes(folder: Path) -> FragmentBoxes | None:
    """Where the fragments lie, as `write_boxes` kept it; None where it did not, or is damaged."""
    try:
        boxes = FragmentBoxes(**read_columns(folder / BOXES, _BOX_FIELDS))
    except UserError:
        return None
    return boxes if len(boxes.start) == len(boxes.stop) else None
