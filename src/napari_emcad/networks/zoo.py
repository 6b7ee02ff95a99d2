"""The models that come with the package: weights and card in the folder `models` beside this file. No torch here."""

import os
from pathlib import Path

from napari_emcad.core.errors import UserError

MODELS = Path(__file__).parent / "models"
"""Folder of the bundled models, NAME.pt and NAME.json each."""

BUNDLED = "bundled"
"""The name that stands for the default model wherever a model is asked for."""

DEFAULT = "mouse_cortex"
"""Which of the files `BUNDLED` stands for."""


def available() -> dict[str, Path]:
    """Names of the models that come with the package -> their weights files; the default first, as "bundled"."""
    files = {path.stem: path for path in sorted(MODELS.glob("*.pt"))}
    default = files.pop(DEFAULT, None)
    return files if default is None else {BUNDLED: default, **files}


def resolve(model: str | Path) -> Path:
    """The weights file that a person means: the name of a bundled model (also of the default) or a file.

    A name wins over a file of the same name in the working folder; "./NAME" is the file. `~` is the home folder.

    Raises
    ------
    UserError
        Where it is neither.
    """
    models = available()
    named = {**models, DEFAULT: models.get(BUNDLED)}.get(str(model)) if isinstance(model, str) else None
    if named is not None:
        return named
    path = Path(os.path.expanduser(model))
    if path.is_file():
        return path
    raise UserError(_neither(model, path, list(models)))


def _neither(model: str | Path, path: Path, names: list[str]) -> str:
    what = "a folder" if path.is_dir() else "neither"
    bundled = ", ".join(names) or "none is installed"
    return f'model: the name of a bundled model ({bundled}) or a checkpoint file is needed, "{model}" is {what}.'
