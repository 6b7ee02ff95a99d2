"""Labels as a neuroglancer precomputed segmentation, through tensorstore (an optional extra).

Every scale lies on the grid of the stack: its voxels begin at multiples of its resolution, and `voxel_offset` says
where in the stack the labels do. Source: neuroglancer, src/datasource/precomputed/volume.md.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Slices, VoxelSize, triple
from napari_emcad.core.progress import Job
from napari_emcad.io.atomic import write_beside
from napari_emcad.io.json_text import read_json
from napari_emcad.io.labels.label_colours import label_colours
from napari_emcad.io.labels.label_volume import LabelVolume, check_labels, convert_ids
from napari_emcad.io.labels.levels import LabelLevel, level_steps, write_levels
from napari_emcad.io.labels.own_folders import check_folder_target, has_only
from napari_emcad.io.labels.precomputed_surfaces import MESHES, PROPERTIES, can_name_surfaces, write_surfaces
from napari_emcad.io.metadata.precomputed import INFO
from napari_emcad.io.stacks.precomputed import is_precomputed
from napari_emcad.io.stacks.tensorstore_arrays import import_tensorstore, short_reason
from napari_emcad.io.write_errors import error_of_disk

if TYPE_CHECKING:
    from tensorstore import TensorStore

CHUNK = (16, 128, 128)
"""Voxels (z, y, x) of a chunk, which is a file unless there are many."""

BLOCK = (16, 1024, 1024)
"""Voxels (z, y, x) that are written at once; of a scale in shards it is a shard."""

MOST_FILES = 1 << 12
"""Chunks of a scale from which on they are put together in shards: about a thousand megavoxels."""

SHARD_BITS = 6
"""Chunks of a shard, as a power of two."""

_CUBE = [8, 8, 8]
"""Voxels of a cube that is compressed by itself."""

_BY = "napari-emcad"
"""Part of the name of the program that wrote it, by which our own volumes are known."""

COLOURS = "segment_colors.json"
"""Name of the file beside `info` with the colours: `segmentColors`, as a layer of neuroglancer's state takes them.

A precomputed volume has no place for colours itself; neuroglancer reads no files but those that it knows.
"""

_PROVENANCE = "provenance"
"""Name of the file beside `info` with the provenance, in the form that cloud-volume reads."""


def write_precomputed(path: Path, volume: LabelVolume, surfaces: bool = True) -> Job[Path]:
    """Write labels with all their scales, by blocks, and the surface of each; an older export is replaced.

    Ids are uint32, or uint64 if the labels have 8 bytes; chunks of 0 alone are left out, as readers expect. Scales of
    many chunks are sharded. Colours that are known lie in a file beside them. Surfaces are left out on systems whose
    file names may have no colon.

    Raises
    ------
    UserError
        If tensorstore is not installed, the voxel size is not known, there are no labels, an id is negative, the
        name is taken by something else, the disk is full, or the folder is missing or may not be written to.
    """
    ts = import_tensorstore(path)
    check_labels(path, volume.values)
    if volume.voxel_size is None:
        raise UserError(f"{path}: a precomputed volume needs the voxel size in nm, and it is not known; set it first.")
    check_precomputed_target(path)
    dtype = np.dtype(np.uint64 if np.dtype(volume.values.dtype).itemsize == 8 else np.uint32)
    with write_beside(path, lambda _: 2 * volume.nbytes) as part:
        writer = _ScaleWriter(ts, part, path, dtype, volume.voxel_size)
        scales = [writer.create(volume, step) for step in level_steps(volume.values.shape[1:])]
        (part / _PROVENANCE).write_text(_provenance_text(volume.provenance), "utf-8")
        if colours := label_colours(volume):
            texts = {str(label): f"#{rgb.tobytes().hex()}" for label, rgb in colours.items()}
            (part / COLOURS).write_text(json.dumps({"segmentColors": texts}), "utf-8")
        yield from write_levels(volume.values, scales)
        if surfaces and can_name_surfaces():
            yield from write_surfaces(part, volume, volume.voxel_size)
    return path


def check_precomputed_target(path: Path) -> None:
    """Refuse to replace anything but an older export, to which nobody has added anything.

    Raises
    ------
    UserError
        Also if tensorstore is not installed, so that it is known before labels are made.
    """
    import_tensorstore(path)
    check_folder_target(path, "precomputed volume", _is_own)


def read_precomputed_provenance(path: Path) -> dict[str, Any]:
    """Read what `write_precomputed` kept of the provenance; empty if there is none."""
    method = _read_processing(path).get("method")
    return method if isinstance(method, dict) else {}


def _is_own(path: Path) -> bool:
    if not is_precomputed(path):
        return False
    keys = {str(scale.get("key")) for scale in read_json(path / INFO)["scales"]}
    names = {INFO, _PROVENANCE, COLOURS, MESHES, PROPERTIES, *keys}
    return has_only(path, names) and _BY in _read_processing(path).get("by", "")


def _read_processing(path: Path) -> dict[str, Any]:
    """Return what the file of provenance says of the last step; empty if there is none."""
    try:
        return dict(read_json(path / _PROVENANCE)["processing"][0])
    except (OSError, ValueError, LookupError, TypeError):
        return {}


class _ScaleTarget:
    """One scale as (z, y, x) from 0 on, written by boxes (see `LabelTarget`)."""

    def __init__(self, ts: ModuleType, path: Path, view: "TensorStore", dtype: np.dtype[Any]):
        self._ts, self._path, self._view, self._dtype, self.shape = ts, path, view, dtype, triple(view.shape)

    def __setitem__(self, box: Slices, values: NDArray[Any]) -> None:
        fitting = convert_ids(self._path, values, self._dtype, box[0].start)
        with _raise_os_errors(), self._ts.Transaction() as together:  # a shard is written once, not for each chunk
            self._view.with_transaction(together)[box] = fitting


@contextmanager
def _raise_os_errors() -> Iterator[None]:
    """Raise an OSError for tensorstore's `ValueError` that holds what the system says."""
    try:
        yield
    except ValueError as error:
        raise error_of_disk(error) or OSError(short_reason(error)) from error


@dataclass(frozen=True)
class _ScaleWriter:
    """Makes the scales of a volume.

    Attributes
    ----------
    ts : module
        tensorstore.
    part : Path
        Folder that is written to.
    path : Path
        Folder that it becomes, for errors.
    dtype : dtype
        Type of the ids in the files.
    voxel_size : VoxelSize
        Voxel size of the finest scale, in nm.
    """

    ts: ModuleType
    part: Path
    path: Path
    dtype: np.dtype[Any]
    voxel_size: VoxelSize

    def create(self, volume: LabelVolume, step: int) -> LabelLevel:
        """Create a scale that takes the pixels on the stack's grid of this step.

        If an axis has no such pixel, it takes the last one.
        """
        (depth, *plane), (z, *start) = volume.values.shape, volume.grid_start
        y, x = (min(-a % step, n - 1) for a, n in zip(start, plane, strict=True))
        size = (depth, *(-(-(n - f) // step) for n, f in zip(plane, (y, x), strict=True)))
        offset = (z, *((a + f) // step for a, f in zip(start, (y, x), strict=True)))
        with _raise_os_errors():
            opened = self.ts.open(self._spec(size, offset, step), open=True, create=True).result()
        view = opened[..., 0].T[self.ts.d[:].translate_to[0]]
        block = triple(view.chunk_layout.write_chunk.shape) if _is_sharded(size) else BLOCK
        return LabelLevel(_ScaleTarget(self.ts, self.path, view, self.dtype), block, step, (y, x))

    def _spec(self, size: tuple[int, ...], offset: tuple[int, ...], step: int) -> dict[str, Any]:
        """Return the specification of a new scale of this size and offset (z, y, x), as tensorstore takes it."""
        nm = (self.voxel_size.z, self.voxel_size.y * step, self.voxel_size.x * step)
        kept = {"driver": "file", "path": f"{self.part.absolute().as_posix()}/", "file_io_sync": False}
        return {
            "driver": "neuroglancer_precomputed",
            "kvstore": kept,
            "multiscale_metadata": {"type": "segmentation", "data_type": self.dtype.name, "num_channels": 1},
            "scale_metadata": {
                "size": size[::-1],
                "voxel_offset": offset[::-1],
                "resolution": nm[::-1],
                "chunk_size": CHUNK[::-1],
                "encoding": "compressed_segmentation",
                "compressed_segmentation_block_size": _CUBE,
                **({"sharding": _sharding(size)} if _is_sharded(size) else {}),
            },
        }


def _chunk_counts(size: Sequence[int]) -> list[int]:
    return [-(-n // c) for n, c in zip(size, CHUNK, strict=True)]


def _is_sharded(size: Sequence[int]) -> bool:
    return prod(_chunk_counts(size)) > MOST_FILES


def _sharding(size: Sequence[int]) -> dict[str, Any]:
    """Return how chunks are put together: those that follow each other in Morton order, which makes a box of them."""
    bits = sum((n - 1).bit_length() for n in _chunk_counts(size))
    return {
        "@type": "neuroglancer_uint64_sharded_v1",
        "hash": "identity",
        "preshift_bits": SHARD_BITS,
        "minishard_bits": 0,
        "shard_bits": max(0, bits - SHARD_BITS),
        "minishard_index_encoding": "gzip",
        "data_encoding": "gzip",
    }


def _provenance_text(provenance: Mapping[str, Any]) -> str:
    sources = [provenance["source"]] if provenance.get("source") else []
    method = {"method": dict(provenance), "by": provenance.get("program") or _BY}
    whole = {"description": "labels", "owners": [], "processing": [method], "sources": sources}
    return json.dumps(whole, default=str, indent=2)
