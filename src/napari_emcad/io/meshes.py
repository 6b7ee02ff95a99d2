"""Surfaces of neurons as PLY files."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.beside import written_beside

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


def surface(
    mask: NDArray[np.bool_], start: tuple[int, int, int], voxel_size: VoxelSize
) -> tuple[NDArray[np.float32], NDArray[np.int32]]:
    """The surface of a neuron by marching cubes.

    Parameters
    ----------
    mask : (z, y, x) bool
    start : (z, y, x)
        Voxel at which the mask begins.
    voxel_size : VoxelSize
        In nm.

    Returns
    -------
    vertices : (n, 3) float32
        x, y, z in nm; the centre of voxel (0, 0, 0) is the origin.
    faces : (m, 3) int32
        Counter-clockwise seen from outside.
    """
    vertices, faces, *_ = marching_cubes(np.pad(mask, 1).astype(np.float32), 0.5)
    places = (vertices + np.array(start) - 1) * np.array(voxel_size)
    return places[:, ::-1].astype(np.float32), faces.astype(np.int32)  # mirrored to x, y, z, the faces look outwards


def write_ply(path: Path, vertices: NDArray[np.float32], faces: NDArray[np.int32]) -> Path:
    """Write a surface, (n, 3) vertices x, y, z and (m, 3) faces.

    Raises
    ------
    UserError
        Where the disk is full, or the folder is missing or may not be written to.
    """
    lists = np.empty(len(faces), _FACE)
    lists["corners"], lists["vertices"] = 3, faces
    with written_beside(path, lambda _: 12 * len(vertices) + lists.nbytes) as part:
        header = _HEADER.format(vertices=len(vertices), faces=len(faces)).encode("ascii")
        part.write_bytes(header + vertices.astype("<f4").tobytes() + lists.tobytes())
    return path
