"""Colours of the neurons of a session, kept so that they are the same when it is opened again."""

from contextlib import suppress
from pathlib import Path

import numpy as np

from napari_emcad.core.errors import UserError
from napari_emcad.core.palettes import PALETTES, LabelColours
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.sessions.columns import read_columns, write_columns
from napari_emcad.io.sessions.file_names import COLOURS


def keep_colours(folder: Path, colours: LabelColours) -> None:
    """Keep colours with a session, in place of earlier ones; leave it as it is if they cannot be written."""
    with suppress(UserError), write_beside(folder / COLOURS, lambda _: 2 * colours.of_label.nbytes) as part:
        write_columns(part, {"of_label": colours.of_label, "palette": colours.table})


def read_colours(folder: Path) -> LabelColours | None:
    """Read the colours that a session keeps; None if it keeps none, or those of a palette that is no more.

    Raises
    ------
    UserError
        If they are damaged.
    """
    path = folder / COLOURS
    if not path.exists():
        return None
    lost = UserError(f"{path}: the colours of neurons are damaged; others are shown, and all edits are there.")
    try:
        columns = read_columns(path, ("of_label", "palette"))
    except UserError as error:
        raise lost from error
    of_label = np.array(columns["of_label"])
    if of_label.dtype != np.uint8 or of_label.ndim != 1 or not of_label.size:
        raise lost
    found = [LabelColours(name, of_label) for name in PALETTES]
    same = [colours for colours in found if np.array_equal(colours.table, columns["palette"])]
    if same and int(of_label.max()) >= len(same[0].table):
        raise lost
    return same[0] if same else None


def colours_damage(folder: Path) -> str:
    """Return the sentence that says that the colours of a session are damaged; empty if they are not."""
    try:
        read_colours(folder)
    except UserError as error:
        return str(error)
    return ""
