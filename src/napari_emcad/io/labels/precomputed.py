"""Labels as a neuroglancer precomputed segmentation, through tensorstore (an optional extra).

Every scale lies on the grid of the stack: its voxels begin at multiples of its resolution, and `voxel_offset` says
where in the stack the labels do. Source: neuroglancer, src/datasource/precomputed/volume.md.
"""

import errno
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job
from napari_emcad.io.atomic import FORBIDDEN, FULL, write_beside
from napari_emcad.io.labels.label_volume import LabelVolume, check_labels, convert_ids
from napari_emcad.io.labels.levels import LabelLevel, level_steps, write_levels
from napari_emcad.io.stacks.precomputed import import_tensorstore, is_precomputed, short_reason

CHUNK = (16, 128, 128)
BLOCK = (16, 1024, 1024)
"""Voxels (z, y, x): what is a file, and what is written at once."""

_CUBE = [8, 8, 8]
_PROVENANCE = "provenance"
"""A file beside `info`, in the form that cloud-volume reads."""


def write_precomputed(path: Path, volume: LabelVolume) -> Job[Path]:
    """Write labels with all their scales, by blocks; an older precomputed volume is replaced.

    Ids are uint32, or uint64 where the labels have 8 bytes; chunks of 0 alone are left out, as readers expect.

    Raises
    ------
    UserError
        Where tensorstore is not installed, the voxel size is not known, there are no labels, an id is negative, the
        name is taken by something else, the disk is full, or the folder is missing or may not be written to.
    """
    ts = import_tensorstore(path)
    check_labels(path, volume.values)
    if volume.voxel_size is None:
        raise UserError(f"{path}: a precomputed volume needs the voxel size in nm, and it is not known; set it first.")
    if path.exists() and not is_precomputed(path):
        raise UserError(f"{path}: this name is taken by something that is no precomputed volume; choose another name.")
    dtype = np.dtype(np.uint64 if np.dtype(volume.values.dtype).itemsize == 8 else np.uint32)
    with write_beside(path, lambda _: 2 * volume.nbytes) as part:
        scales = [_create_scale(ts, part, path, volume, dtype, step) for step in level_steps(volume.values.shape[1:])]
        (part / _PROVENANCE).write_text(_provenance(volume.provenance), "utf-8")
        yield from write_levels(volume.values, scales)
    return path


def read_precomputed_provenance(path: Path) -> dict[str, Any]:
    """What `write_precomputed` kept of the provenance; empty where there is none."""
    try:
        return json.loads((path / _PROVENANCE).read_text("utf-8"))["processing"][0]["method"]
    except (OSError, ValueError, LookupError, TypeError):
        return {}


class _ScaleTarget:
    """One scale as (z, y, x) from 0 on, set by boxes."""

    def __init__(self, path: Path, view: Any, dtype: np.dtype):
        self._path, self._view, self._dtype, self.shape = path, view, dtype, tuple(view.shape)

    def __setitem__(self, box: tuple[slice, ...], values: NDArray) -> None:
        fitting = convert_ids(self._path, values, self._dtype, box[0].start)
        with _raise_os_errors():
            self._view[box] = fitting


@contextmanager
def _raise_os_errors() -> Iterator[None]:
    """What the system says comes from tensorstore in a `ValueError`."""
    try:
        yield
    except ValueError as error:
        said = (number for number in (*FULL, *FORBIDDEN) if os.strerror(number) in str(error))
        raise OSError(next(said, errno.EIO), short_reason(error)) from error


def _create_scale(ts: Any, part: Path, path: Path, volume: LabelVolume, dtype: np.dtype, step: int) -> LabelLevel:
    """A new scale of the volume in `part`, which takes the pixels on the stack's grid of this step.

    Where there is none, it takes the last one on that axis.
    """
    (depth, *plane), (z, *start) = volume.values.shape, volume.start
    first = tuple(min(-a % step, n - 1) for a, n in zip(start, plane, strict=True))
    size = (depth, *(-(-(n - f) // step) for n, f in zip(plane, first, strict=True)))
    offset = (z, *((a + f) // step for a, f in zip(start, first, strict=True)))
    nm = (volume.voxel_size.z, volume.voxel_size.y * step, volume.voxel_size.x * step)
    kept = {"driver": "file", "path": f"{part.absolute().as_posix()}/", "file_io_sync": False}
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": kept,
        "multiscale_metadata": {"type": "segmentation", "data_type": dtype.name, "num_channels": 1},
        "scale_metadata": {
            "size": size[::-1],
            "voxel_offset": offset[::-1],
            "resolution": nm[::-1],
            "chunk_size": CHUNK[::-1],
            "encoding": "compressed_segmentation",
            "compressed_segmentation_block_size": _CUBE,
        },
    }
    with _raise_os_errors():
        opened = ts.open(spec, open=True, create=True).result()
    return LabelLevel(_ScaleTarget(path, opened[..., 0].T[ts.d[:].translate_to[0]], dtype), BLOCK, step, first)


def _provenance(told: Mapping[str, Any]) -> str:
    sources = [told["source"]] if told.get("source") else []
    method = {"method": dict(told), "by": told.get("program", "napari-emcad")}
    whole = {"description": "labels", "owners": [], "processing": [method], "sources": sources}
    return json.dumps(whole, default=str, indent=2)
