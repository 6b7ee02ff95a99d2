"""Changes of a stack's file since it was opened."""

from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.volume import Volume
from napari_emcad.io.regular_files import SHORT_PATIENCE, NoAnswer, check_path
from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.stacks.stack import content_fingerprint, open_stack


def change_since(source: str, dataset: str | None, fingerprint: str) -> str:
    """Return what has happened to a stack since it was opened, as the end of a sentence; empty if nothing has.

    Parameters
    ----------
    source : str
        Path or URL. What lies behind a URL is not looked at.
    dataset : str, optional
        See `open_stack`.
    fingerprint : str
        `Stack.fingerprint` when it was opened.
    """
    path = parse_location(source)
    if not isinstance(path, Path):
        return ""
    try:
        check_path(path, SHORT_PATIENCE)
        if not path.exists():
            return "is no longer where it was opened"
        with open_stack(path, dataset) as now:
            is_same = now.fingerprint == fingerprint
    except NoAnswer:
        return "lies on a disk that does not answer"
    except (UserError, OSError):
        is_same = False
    return "" if is_same else "has been written to since it was opened"


def is_another(volume: Volume, fingerprint: str) -> bool:
    """Return True if a stack has the shape and type of a fingerprint, and other voxels.

    Parameters
    ----------
    volume : Volume (z, y, x)
        Three squares of it are read.
    fingerprint : str
        `Stack.fingerprint`, or the first words of it; empty if it is not known.
    """
    before, *kind = fingerprint.split()[:3] or ("",)
    now, *kind_now = content_fingerprint(volume).split()
    return kind == kind_now and before != now
