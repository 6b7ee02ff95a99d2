"""Affinities kept in a session."""

from pathlib import Path
from typing import Any

import numpy as np
import zarr
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Shape, VoxelSize
from napari_emcad.core.volume import AffinityVolume, Key
from napari_emcad.io.affinities import new_affinities, open_affinities
from napari_emcad.io.chunk_checksums import CheckedStore, ChunkChecksums, write_chunk_checksums
from napari_emcad.io.read_errors import READ_ERRORS, first_line
from napari_emcad.io.sessions.file_names import AFFINITIES
from napari_emcad.io.zarr_arrays import as_affinities

REMEDY = "copy the session again from where it is whole"
"""Advice for affinities that cannot be read."""


def write_affinities(folder: Path, affinities: AffinityVolume, voxel_size: VoxelSize | None) -> None:
    """Copy affinities, (3, z, y, x) uint8 and read by sections, into a folder."""
    with new_affinities(folder / AFFINITIES, affinities.shape[1:], voxel_size, {}) as array:
        for z in range(affinities.shape[1]):
            array[:, z] = affinities[:, z]
    write_chunk_checksums(folder / AFFINITIES)


class KeptAffinities:
    """Affinities (3, z, y, x) of a session, whose chunks are checked as they are read.

    Parameters
    ----------
    path : Path
    checksums : ChunkChecksums or None
        None: those of earlier versions have none.
    """

    def __init__(self, path: Path, checksums: ChunkChecksums | None):
        found = open_affinities(path).values
        self._path, self._array = path, found if checksums is None else _checked(path, checksums)
        self.shape, self.dtype = found.shape, found.dtype

    def __getitem__(self, key: Key, /) -> NDArray[Any]:
        try:
            return np.asarray(self._array[key])
        except READ_ERRORS as error:
            raise UserError(f"{self._path}: cannot be read ({first_line(error)}); {REMEDY}.") from error


def _checked(path: Path, checksums: ChunkChecksums) -> AffinityVolume:
    return as_affinities(zarr.open_array(CheckedStore(path, checksums.check), mode="r"))


def read_affinities(folder: Path, shape: Shape, seal: int | None = None) -> AffinityVolume | None:
    """Open the affinities in a folder, not read yet; None if there are none.

    Parameters
    ----------
    folder : Path
    shape : (z, y, x)
        Of the fragments.
    seal : int, optional
        Of their checksums, see `ChunkChecksums`; None = not known.

    Raises
    ------
    UserError
        If they are missing or damaged, or do not fit fragments of this shape.
    """
    if seal is None and not (folder / AFFINITIES).exists():
        return None
    values = KeptAffinities(folder / AFFINITIES, ChunkChecksums.read(folder / AFFINITIES, seal, REMEDY))
    if values.shape[1:] != shape:
        raise UserError(
            f"{folder / AFFINITIES}: affinities of the fragments' shape {shape} are needed, got {values.shape[1:]}; "
            f"{REMEDY}."
        )
    return values
