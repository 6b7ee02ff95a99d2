"""Labels and fragments of a session as volumes: TIFF, Zarr or OME-Zarr."""

from pathlib import Path

import numpy as np

from napari_emcad.core.progress import Job, Stopwatch
from napari_emcad.io.beside import written_beside
from napari_emcad.io.labels import writing_labels
from napari_emcad.io.ome_zarr import SUFFIX, writing_ome_zarr
from napari_emcad.io.session_files import new_labels_array
from napari_emcad.io.snapshot import Snapshot


def exporting_labels(path: Path, snapshot: Snapshot) -> Job[Path]:
    """Edited labels, one segment id a voxel: OME-Zarr or Zarr where the name ends in .ome.zarr or .zarr, else TIFF."""
    return _exporting(path, snapshot, snapshot.labels)


def exporting_fragments(path: Path, snapshot: Snapshot) -> Job[Path]:
    """Fragments, as edits parted them: what tables, region graph and equivalences speak of."""
    return _exporting(path, snapshot, snapshot.session.state.base.fragments)


def _exporting(path: Path, snapshot: Snapshot, labels) -> Job[Path]:
    if path.name.endswith(SUFFIX):
        return (yield from writing_ome_zarr(path, labels, snapshot.voxel_size, snapshot.provenance))
    if path.suffix != ".zarr":
        return (yield from writing_labels(path, labels, snapshot.voxel_size, snapshot.provenance))
    watch = Stopwatch("export", labels.shape[0])
    with written_beside(path, lambda _: int(np.prod(labels.shape)) * labels.dtype.itemsize) as part:
        provenance = snapshot.provenance
        array = new_labels_array(part, labels.shape, labels.dtype, snapshot.voxel_size, provenance=provenance)
        for z in range(labels.shape[0]):
            array[z] = labels[z]
            yield watch.at(z + 1)
    return path
