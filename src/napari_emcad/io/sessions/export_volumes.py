"""Labels and fragments of a session, and the mask of what was not seen, as volumes in any of `FORMATS`."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.geometry import Box, Slices
from napari_emcad.core.ids import file_dtype
from napari_emcad.core.progress import Job
from napari_emcad.core.volume import Volume
from napari_emcad.io.labels.formats import write_label_volume
from napari_emcad.io.labels.label_volume import LabelPieces, LabelVolume
from napari_emcad.io.sessions.snapshot import Snapshot
from napari_emcad.io.stacks.lazy_array import LazyArray


def export_labels(path: Path, snapshot: Snapshot, name: str | None = None) -> Job[Path]:
    """Write the edited labels: the segment of each voxel; of a precomputed volume with their surfaces."""
    labels = snapshot.labels
    volume, pieces = _volume(snapshot, labels, int(labels.table.max())), LabelPieces(labels.fragments, labels.table)
    return write_label_volume(path, replace(volume, pieces=pieces, colours=lambda: snapshot.colours), name)


def export_fragments(path: Path, snapshot: Snapshot, name: str | None = None) -> Job[Path]:
    """Write the fragments, as edits parted them: tables, region graph and equivalences name them."""
    state = snapshot.session.state
    volume = _volume(snapshot, _unsigned(state.base.fragments), len(state.sizes) - 1)
    return write_label_volume(path, volume, _without_surfaces(path, name))


def export_interpolated(path: Path, snapshot: Snapshot, name: str | None = None) -> Job[Path]:
    """Write a mask of the labels: 1 where they were not seen but interpolated between other sections, or left 0."""
    state = snapshot.session.state
    planned = state.planned

    def read(place: Slices) -> NDArray[Any]:
        starts, stops, steps = zip(*((s.start, s.stop, s.step) for s in place), strict=True)
        box = Box(starts, stops)
        mask = planned.within(box).bridged() if planned else np.zeros(box.shape, bool)
        return mask[tuple(slice(None, None, step) for step in steps)].astype(np.uint8)

    volume = _volume(snapshot, LazyArray("interpolated", state.base.fragments.shape, np.uint8, read), 1)
    return write_label_volume(path, volume, _without_surfaces(path, name))


def _volume(snapshot: Snapshot, values: Volume, largest: int) -> LabelVolume:
    return LabelVolume(values, snapshot.voxel_size, snapshot.provenance, snapshot.start, largest)


def _without_surfaces(path: Path, name: str | None) -> str | None:
    """Return the format for volumes whose ids are no neurons."""
    is_precomputed = name == "precomputed" or (name is None and path.name.lower().endswith(".precomputed"))
    return "precomputed-volume" if is_precomputed else name


def _unsigned(fragments: Volume) -> Volume:
    """Return the fragments with the dtype that ids have in files."""
    dtype = file_dtype(fragments.dtype)
    if dtype == fragments.dtype:
        return fragments
    return LazyArray("fragments", fragments.shape, dtype, fragments.__getitem__)
