"""Surfaces as PLY files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.surfaces import Surface
from napari_emcad.io.atomic import write_beside

_HEADER = """ply
format binary_little_endian 1.0
comment nanometres
element vertex {vertices}
property float x
property float y
property float z
property uchar red
property uchar green
property uchar blue
element face {faces}
property list uchar int vertex_indices
end_header
"""
_VERTEX = np.dtype([("place", "<f4", 3), ("colour", "u1", 3)])
_FACE = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])


def write_ply(path: Path, surface: Surface, colours: NDArray[np.uint8]) -> Path:
    """Write a surface, its vertices as x, y, z in nm and its faces counter-clockwise seen from outside.

    Parameters
    ----------
    path : Path
    surface : Surface
    colours : (n, 3) uint8
        Red, green and blue of each vertex.

    Raises
    ------
    UserError
        If the disk is full, or the folder is missing or may not be written to.
    """
    faces, vertices = surface.faces, np.empty(len(surface.vertices), _VERTEX)
    vertices["place"], vertices["colour"] = surface.vertices[:, ::-1], colours
    lists = np.empty(len(faces), _FACE)
    lists["corners"], lists["vertices"] = 3, faces
    with write_beside(path, lambda _: vertices.nbytes + lists.nbytes) as part:
        header = _HEADER.format(vertices=len(vertices), faces=len(faces)).encode("ascii")
        part.write_bytes(header + vertices.tobytes() + lists.tobytes())
    return path
