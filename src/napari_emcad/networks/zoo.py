"""The models that have a name: those that come with the package, and a person's own.

Both are folders of NAME.pt and NAME.json, or NAME.safetensors and NAME.safetensors.json: `models` beside this file, and
`user_models()`. No torch until one is kept.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.io.atomic import locked_folder, replace_in_turn
from napari_emcad.io.regular_files import check_path, open_regular
from napari_emcad.moved import moved_attribute
from napari_emcad.networks.card import ModelCard, card_path
from napari_emcad.networks.model_name import same_name, usable_name
from napari_emcad.networks.own_data import own_data

__getattr__ = partial(moved_attribute, __name__)

MODELS = Path(__file__).parent / "models"
"""Folder of the bundled models."""

FOLDER_VARIABLE = "NAPARI_EMCAD_MODELS"
"""Environment variable that names another folder for a person's own models."""

BUNDLED = "bundled"
"""The name that stands for the default model wherever a model is asked for."""

ENDINGS = (".pt", ".safetensors")
"""Endings of models that have a name."""

DEFAULT = "mouse_cortex"
"""The file that `BUNDLED` stands for."""

NO_MODEL = "none"
"""The name that stands for no model at all, if that can be asked for."""


def user_models() -> Path:
    """Return the folder of a person's own models; it need not exist."""
    folder = os.environ.get(FOLDER_VARIABLE)
    if folder:
        return Path(os.path.expanduser(folder)).absolute()
    return own_data() / "models"


def bundled_models() -> dict[str, Path]:
    """Return names of the models of the package -> their weights files; the default first, as "bundled"."""
    files = _weights_in(MODELS)
    default = files.pop(DEFAULT, None)
    return files if default is None else {BUNDLED: default, **files}


def available_models() -> dict[str, Path]:
    """Return names -> weights files, unread: those that come with the package, then a person's own.

    An own one with the name of a bundled one is left out; it can still be asked for as a file.
    """
    ours = bundled_models()
    own = {name: path for name, path in _weights_in(user_models()).items() if name not in (*ours, BUNDLED, DEFAULT)}
    return {**ours, **own}


def resolve_model(model: str | Path) -> Path:
    """Return the weights file that a person means: a name of `available_models`, or a file.

    A name wins over a file of the same name in the working folder; "./NAME" is the file. `~` is the home folder.

    Raises
    ------
    UserError
        If it is neither.
    """
    models = available_models()
    named = {**models, DEFAULT: models.get(BUNDLED)}.get(str(model)) if isinstance(model, str) else None
    if named is not None:
        return named
    path = Path(os.path.expanduser(model))
    check_path(path)
    if path.is_file():
        return path
    raise UserError(_neither(model, path, list(models)))


def keep_model(weights: Path, name: str) -> Path:
    """Copy a model and its card into the folder of a person's own ones; from then on its name stands for it.

    Parameters
    ----------
    weights : Path
        A checkpoint of any known network; stays as it is. Where no card lies beside it, one is written for the copy.
    name : str
        Spaces around it are left away.

    Returns
    -------
    Path
        The copy, NAME.pt with its card NAME.json; a file of safetensors keeps its ending.

    Raises
    ------
    UserError
        If the name cannot be that of a file on every system or is taken, the weights are of no known network, or
        the copy cannot be written. Nothing there is ever overwritten.
    """
    from napari_emcad.networks.checkpoint import load_network

    name = usable_name(name)
    card = load_network(weights)[1]
    content = _content(weights, card.sha256)
    _refuse_name_of_package(name)
    target = user_models() / f"{name}{weights.suffix if weights.suffix in ENDINGS else ENDINGS[0]}"
    with _alone_in(target):
        _refuse_taken(target.parent, name)
        try:
            card_json = card.changed(title=card.title or name).as_json()
            replace_in_turn([(card_path(target), card_json), (target, content)], is_new=True)
        except FileExistsError as error:
            raise _taken(target) from error
    return target


def kept_as(weights: Path, name: str) -> Path | None:
    """Return the model of a person's own that has this name and the same weights; None if there is none.

    It is what `keep_model` had done before a program was killed.
    """
    same = (path for known, path in _weights_in(user_models()).items() if same_name(known, name.strip()))
    with suppress(OSError):
        content = weights.read_bytes()
        return next((path for path in same if path.read_bytes() == content and card_path(path).is_file()), None)
    return None


def forget_model(model: Path) -> None:
    """Delete what `keep_model` has just added, if something that belongs to it could not be kept."""
    for file in (model, card_path(model)):
        with suppress(OSError):
            file.unlink(missing_ok=True)


def _weights_in(folder: Path) -> dict[str, Path]:
    """Return name -> file of a folder.

    Hidden files are left out, and empty ones, which another program is about to write.
    """
    try:
        found = {path.stem: path for ending in reversed(ENDINGS) for path in folder.glob(f"*{ending}")}
        files = {name: path for name, path in sorted(found.items()) if not name.startswith(".") and path.is_file()}
        return {name: path for name, path in files.items() if path.stat().st_size}
    except OSError:  # may not be read, or went away just now
        return {}


def _refuse_name_of_package(name: str) -> None:
    if any(same_name(name, other) for other in (BUNDLED, DEFAULT, NO_MODEL, *bundled_models())):
        raise UserError(f'model: the name "{name}" belongs to the package; choose another one.')


def _refuse_taken(folder: Path, name: str) -> None:
    """Refuse a name that a file in the folder has; remove what a program that was killed has left of it."""
    names = [f"{name}{suffix}" for suffix in (*ENDINGS, ".json", ".safetensors.json")]
    try:
        found = [path for path in sorted(folder.iterdir()) if any(same_name(path.name, other) for other in names)]
        for path in found:
            if not _is_rest(path):
                raise _taken(path)
        for path in found:
            path.unlink()
    except OSError as error:
        raise _not_kept(folder / name, error) from error


def _is_rest(path: Path) -> bool:
    """Return True for a card without weights, or an empty file: what a program that was killed here has left."""
    if path.suffix in ENDINGS:
        return path.is_file() and not path.is_symlink() and not path.stat().st_size
    weights = (path.with_suffix(ending) for ending in ("", *ENDINGS))
    if any(card_path(file) == path and file.is_file() and file.stat().st_size for file in weights):
        return False
    try:
        return bool(ModelCard.load(path).sha256)
    except UserError:
        return False


@contextmanager
def _alone_in(target: Path) -> Iterator[None]:
    """Make the folder of a model and let one program at a time add to it, where the system can lock a folder."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_kept(target, error) from error
    with locked_folder(target.parent):
        yield


def _not_kept(target: Path, error: OSError) -> UserError:
    return UserError(
        f"model: {target} could not be written ({error.strerror}); "
        f"name another folder in the environment variable {FOLDER_VARIABLE}."
    )


def _taken(path: Path) -> UserError:
    return UserError(f"model: {path} is there already; choose another name.")


def _content(weights: Path, needed: str) -> bytes:
    """Return the bytes of weights that must have this hash; a run that goes on may have written others since."""
    try:
        with open_regular(Path(weights)) as file:
            content = file.read()
    except OSError as error:
        raise UserError(f"model: {weights} could not be read ({error.strerror}); choose another file.") from error
    if sha256(content).hexdigest() != needed:
        raise UserError(f"model: {weights} is being written just now; try again.")
    return content


def _neither(model: str | Path, path: Path, names: list[str]) -> str:
    what = "a folder" if path.is_dir() else "neither"
    known = ", ".join(names) or "there is none"
    return f'model: the name of a model ({known}) or a checkpoint file is needed, "{model}" is {what}.'
