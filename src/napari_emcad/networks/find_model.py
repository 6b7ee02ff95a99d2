"""A model that is known by its hash, wherever its file lies now."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path, PureWindowsPath

from napari_emcad.core.errors import UserError
from napari_emcad.io.regular_files import NoAnswer, NotRegular, open_regular
from napari_emcad.networks.card import READ_SUFFIXES
from napari_emcad.networks.zoo import available_models

_SUFFIXES = set(READ_SUFFIXES) - {".bin", ".tar"}
"""Endings of files that are looked at beside a session: raw volumes may end in .bin, archives of data in .tar."""

MOST_FILES = 30
"""Files in a folder, at most, whose hash is looked at."""


def find_model(model: str, sha256_needed: str, folder: Path, asked: Path | None = None) -> Path:
    """Return the weights file of a model: where it was, among those that have a name, or beside a session.

    Parameters
    ----------
    model : str
        File that it was in.
    sha256_needed : str
        Hash of the weights.
    folder : Path
        Folder of the session.
    asked : Path, optional
        Looks only there.

    Raises
    ------
    UserError
        If no file has this hash.
    """
    if asked is not None:
        if _hash(asked) != sha256_needed:
            raise UserError(
                f"{asked}: the model that {folder} was begun with is needed, this is another one; name that one."
            )
        return asked
    for path in _places(model, folder):
        if _hash(path) == sha256_needed:
            return path
    raise UserError(
        f"{folder}: its model {model} is not there any more, and neither the models with a name nor the files beside "
        f"the session have its hash {sha256_needed[:12]}; put it there again, or name it with --model."
    )


def _places(model: str, folder: Path) -> Iterator[Path]:
    yield Path(model)
    beside = folder.absolute().parent
    yield beside / PureWindowsPath(model).name  # its last part as any system writes it
    yield from available_models().values()
    for place in (beside, folder.absolute()):
        yield from sorted(path for path in place.glob("*") if path.suffix in _SUFFIXES)[:MOST_FILES]


def _hash(path: Path) -> str:
    try:
        with open_regular(path) as file:
            digest = sha256()
            while piece := file.read(1 << 22):
                digest.update(piece)
            return digest.hexdigest()
    except (OSError, NotRegular, NoAnswer):
        return ""
