"""Surfaces as PLY files."""

from pathlib import Path

import numpy as np

from napari_emcad.core.surfaces import Surface
from napari_emcad.io.atomic import write_beside

_HEADER = """ply
format binary_little_endian 1.0
comment nanometres
element vertex {vertices}
property float x
property float y
property float z
element face {faces}
property list uchar int vertex_indices
end_header
"""
_FACE = np.dtype([("corners", "u1"), ("vertices", "<i4", 3)])


def write_ply(path: Path, surface: Surface) -> Path:
    """Write a surface, its vertices as x, y, z in nm and its faces counter-clockwise seen from outside.

    Raises
    ------
    UserError
        If the disk is full, or the folder is missing or may not be written to.
    """
    vertices, faces = surface.vertices[:, ::-1], surface.faces
    lists = np.empty(len(faces), _FACE)
    lists["corners"], lists["vertices"] = 3, faces
    with write_beside(path, lambda _: 12 * len(vertices) + lists.nbytes) as part:
        header = _HEADER.format(vertices=len(vertices), faces=len(faces)).encode("ascii")
        part.write_bytes(header + vertices.astype("<f4").tobytes() + lists.tobytes())
    return path
