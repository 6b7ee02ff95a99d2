"""The folder of a new session."""

import os
from pathlib import Path

from napari.layers import Layer

from napari_emcad.io.stacks.locations import parse_location
from napari_emcad.io.write_errors import explain_write
from napari_emcad.networks.own_data import own_data
from napari_emcad.widgets.kit.layers import origin_of

SUFFIX = ".emcad"


def session_folder(layer: Layer) -> Path:
    """Return a free name: beside the stack's file if that folder can be written to, else in the person's data.

    Parameters
    ----------
    layer : Layer
        The stack, whose file its metadata or its reader may know.

    Raises
    ------
    UserError
        If neither can be written to.
    """
    source = parse_location(origin_of(layer)["source"] or "")
    if isinstance(source, Path) and source.name and source.exists() and os.access(source.parent, os.W_OK):
        return _free(source.parent / f"{source.stem}{SUFFIX}")
    folder = own_data() / "sessions"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise explain_write(error, folder) from error
    return _free(folder / f"{_file_name(layer.name)}{SUFFIX}")


def why_elsewhere(folder: Path, layer: Layer) -> str:
    """Return why a session does not lie beside its stack's file, words behind another sentence; empty if it does."""
    source = parse_location(origin_of(layer)["source"] or "")
    if not isinstance(source, Path) or not source.name or folder.parent == source.parent:
        return ""
    return f"; nothing can be written beside {source}" if source.exists() else f"; {source} is not there any more"


def next_session_folder(old: Path, layer: Layer) -> Path:
    """Return the folder of a session that follows another one: NAME-2.emcad beside NAME.emcad, then NAME-3.emcad.

    If nothing can be written there, the name is that of a first session on the layer, the stack.
    """
    if not os.access(old.parent, os.W_OK):
        return session_folder(layer)
    name, _, number = old.stem.rpartition("-")
    follows = number.isdecimal() and old.with_name(f"{name}{SUFFIX}").exists()
    stem = name if follows else old.stem
    tries = (old.with_name(f"{stem}-{n}{SUFFIX}") for n in range(2, 10**6))
    return next(p for p in tries if not p.exists())


def _free(path: Path) -> Path:
    """Return the path, with the first free number behind its name if the name is taken."""
    tries = (path.with_name(f"{path.stem}_{n}{path.suffix}") for n in range(2, 10**6))
    return path if not path.exists() else next(p for p in tries if not p.exists())


def _file_name(name: str) -> str:
    return "".join(c if c.isalnum() or c in "-_ " else "_" for c in name).strip() or "stack"
