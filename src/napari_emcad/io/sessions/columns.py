"""Tables of a session: a folder of plain files, one for each column, of which the system reads what is looked at."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.io.read_errors import TABLE_ERRORS
from napari_emcad.io.sessions.file_names import EARLIER


def write_columns(folder: Path, columns: Mapping[str, NDArray[Any]]) -> None:
    """Write a table as a folder of plain files."""
    folder.mkdir(exist_ok=True)
    for name, column in columns.items():
        np.save(folder / f"{name}.npy", column)


def read_columns(folder: Path, names: tuple[str, ...]) -> dict[str, NDArray[Any]]:
    """Map the columns of a table; a table that an earlier version wrote is read.

    Raises
    ------
    UserError
        If the table or a column is missing or damaged.
    """
    earlier = folder.with_name(folder.name + EARLIER)
    try:
        if folder.is_dir():
            return {name: np.asarray(np.load(folder / f"{name}.npy", mmap_mode="r")) for name in names}
        with np.load(earlier) as file:
            return {name: file[name] for name in names}
    except TABLE_ERRORS as error:
        raise damaged(earlier if earlier.exists() else folder) from error


def damaged(path: Path) -> UserError:
    """Return the error for a file of a session that is missing or damaged."""
    return UserError(f"{path}: missing or damaged; copy the session again from where it is whole.")
