"""Labels and fragments of a session as volumes, in any of `FORMATS`."""

from pathlib import Path
from typing import Any

from napari_emcad.core.ids import Ids, file_dtype
from napari_emcad.core.progress import Job
from napari_emcad.io.labels.formats import write_label_volume
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.sessions.snapshot import Snapshot
from napari_emcad.io.stacks.lazy_array import LazyArray


def export_labels(path: Path, snapshot: Snapshot) -> Job[Path]:
    """Edited labels, one segment id a voxel."""
    labels = snapshot.labels
    return _export(path, snapshot, labels, int(labels.table.max()))


def export_fragments(path: Path, snapshot: Snapshot) -> Job[Path]:
    """Fragments, as edits parted them: what tables, region graph and equivalences speak of."""
    state = snapshot.session.state
    return _export(path, snapshot, _unsigned(state.base.fragments), len(state.sizes) - 1)


def _export(path: Path, snapshot: Snapshot, values: Any, largest: int) -> Job[Path]:
    return write_label_volume(
        path, LabelVolume(values, snapshot.voxel_size, snapshot.provenance, snapshot.start, largest)
    )


def _unsigned(fragments: Ids | LazyArray) -> Any:
    """An array-like of the ids as files have them."""
    dtype = file_dtype(fragments.dtype)
    if dtype == fragments.dtype:
        return fragments
    return LazyArray("fragments", fragments.shape, dtype, fragments.__getitem__)
