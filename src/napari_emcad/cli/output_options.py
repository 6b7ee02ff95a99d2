"""Options that say where, and in which format, labels and what else is exported are written."""

import argparse

COLOURS = ("bright", "colour-blind")
"""Names of palettes, see `outputs.PALETTE_NAMES`."""

FORMATS = ("tiff", "tiff-series", "zarr", "ome-zarr", "precomputed")
"""Names of formats of labels; the end of a name says them otherwise."""

VOLUMES = ".tif, .zarr, .ome.zarr, .precomputed, or a folder of one TIFF a section"
"""Ends of names by which the format of labels is known, in words."""


def add_format(parser: argparse.ArgumentParser, *more: str) -> None:
    """Add the options that `outputs.format_name` and `outputs.check_free` read; `more` are further formats."""
    parser.add_argument("--format", choices=(*FORMATS, *more), help="default: by the end of the name")
    parser.add_argument(
        "--ome-version", choices=("0.5", "0.4"), default="0.5", help="of .ome.zarr: 0.5 (Zarr 3, the default) or 0.4"
    )
    parser.add_argument(
        "--no-meshes", action="store_true", help="of .precomputed: the volume alone, without the surface of each neuron"
    )
    parser.add_argument(
        "--colours",
        choices=COLOURS,
        default="bright",
        help="of neurons, where the format has a place for them; default: bright",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace a file, or an older export in a folder")
