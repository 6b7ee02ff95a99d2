"""The window of the scripted sessions: a viewer with the dock, and a part of a stack as a file of its own."""

import os
from pathlib import Path

os.environ.setdefault("NAPARI_CONFIG", "")  # pictures do not depend on whose settings are in use

import napari
import numpy as np
import tifffile
from napari.layers import Image

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.reader import read_layers
from napari_emcad.widgets.dock import EMCADDock

WINDOW = (1280, 860)
"""Pixels."""


def open_window(theme: str, size: tuple[int, int] = WINDOW) -> tuple[napari.Viewer, EMCADDock]:
    """Open a viewer of a theme and a size in pixels, with the dock at its right."""
    viewer = napari.Viewer(show=True)
    viewer.theme = theme
    viewer.window._qt_window.resize(*size)
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD", area="right")
    return viewer, dock


def open_part(viewer: napari.Viewer, path: Path, part: np.ndarray, voxel_size: VoxelSize) -> Image:
    """Write a part of a stack as a TIFF, beside which the session will lie, and show it; return its layer."""
    tifffile.imwrite(path, part, photometric="minisblack")
    (data, meta, _kind), *_ = read_layers(str(path))
    return viewer.add_image(data, **{**meta, "scale": voxel_size, "units": ("nm",) * 3})
