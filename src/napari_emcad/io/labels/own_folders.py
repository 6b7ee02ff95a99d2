"""Folders that an export may replace: those that an older one made, with nothing of anybody else in them."""

from collections.abc import Callable, Collection
from pathlib import Path

from napari_emcad.core.errors import UserError


def check_folder_target(path: Path, kind: str, is_own: Callable[[Path], bool]) -> None:
    """Refuse to replace anything but an empty folder, or one that `is_own`.

    Parameters
    ----------
    path : Path
    kind : str
        What `is_own` recognises, for the sentence: "Zarr folder".
    is_own : callable

    Raises
    ------
    UserError
    """
    if not path.exists() or (path.is_dir() and (not any(path.iterdir()) or is_own(path))):
        return
    raise UserError(
        f"{path}: this name is taken by something that is no {kind} of an older export alone; choose another name."
    )


def has_only(folder: Path, names: Collection[str], numbered: bool = False) -> bool:
    """Return True if all that lies in a folder has one of these names, or is named by a number if these are allowed."""
    return all(entry.name in names or (numbered and entry.name.isdigit()) for entry in folder.iterdir())
