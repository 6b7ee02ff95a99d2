"""Outputs that options name: their format, and what may not be replaced."""

import argparse
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.palettes import BRIGHT, COLOUR_BLIND

PALETTE_NAMES = {"bright": BRIGHT, "colour-blind": COLOUR_BLIND}
"""Palettes by what is typed."""


def format_name(options: argparse.Namespace) -> str | None:
    """Return the format that the options ask for; None if the end of the name is to say it.

    Raises
    ------
    UserError
        If an option is about another format.
    """
    name, path = options.format, options.output
    is_ome = name == "ome-zarr" or (name is None and path.name.lower().endswith(".ome.zarr"))
    is_precomputed = name == "precomputed" or (name is None and path.name.lower().endswith(".precomputed"))
    if options.ome_version == "0.4":
        _check_asked(is_ome, "--ome-version", ".ome.zarr")
        return "ome-zarr-0.4"
    if options.no_meshes:
        _check_asked(is_precomputed, "--no-meshes", ".precomputed")
        return "precomputed-volume"
    chosen: str | None = name
    return chosen


def check_free(path: Path, overwrite: bool) -> None:
    """Refuse a file or folder that is there already, unless it may be replaced or is empty.

    Raises
    ------
    UserError
    """
    is_empty = path.is_dir() and not any(path.iterdir())
    if path.exists() and not (overwrite or is_empty):
        raise UserError(f"output: {path} exists; add --overwrite to replace it, or choose another name.")


def _check_asked(is_asked: bool, option: str, end: str) -> None:
    if not is_asked:
        raise UserError(f"{option}: a name that ends in {end} is needed for this; leave the option out.")
