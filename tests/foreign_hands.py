"""Affinities as other programs write them: the values are drawn, the files are made by each format's own library."""

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import tifffile
import zarr
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from napari_emcad.core.affinities import affinities_of_labels
from napari_emcad.core.progress import drive

SHAPE = (5, 40, 48)


def cells(shape: tuple[int, int, int] = SHAPE, seed: int = 0) -> NDArray[np.uint8]:
    """(3, z, y, x) affinities x 255 of a drawing of cells that go on through the sections, with every value in them."""
    rng = np.random.default_rng(seed)
    middles = rng.uniform((0, 0), shape[1:], (14, 2))
    rows, columns = np.indices(shape[1:])
    labels = []
    for z in range(shape[0]):
        distances = (rows - middles[:, :1, None] - z) ** 2 + (columns - middles[:, 1:, None]) ** 2
        labels.append(distances.argmin(0) + 1)
    truth = affinities_of_labels(np.array(labels)).astype(np.float32)
    values = gaussian_filter(truth, (0, 0, 0.8, 0.8), mode="nearest") + rng.normal(0, 0.05, truth.shape)
    values = np.rint(values.clip(0, 1) * 255).astype(np.uint8)
    values.flat[:256] = np.arange(256)
    return values


def written(source, box=None) -> NDArray[np.uint8]:
    """The affinities that a source gives."""
    from napari_emcad.core.geometry import Box

    box = box or Box.whole(source.shape)
    into = np.zeros((3, *box.shape), np.uint8)
    drive(source.write(into, box))
    return into


def npy(path: Path, values: NDArray, **more: object) -> Path:
    path = path.with_suffix(".npy")
    np.save(path, values)
    return path


def npz(path: Path, values: NDArray, **more: object) -> Path:
    path = path.with_suffix(".npz")
    np.savez_compressed(path, affs=values, raw=np.zeros((3, 20, 20), np.uint8))
    return path


def hdf5(path: Path, values: NDArray, **attributes: object) -> Path:
    path = path.with_suffix(".h5")
    with h5py.File(path, "w") as file:
        file["volumes/raw"] = np.zeros((3, 20, 20), np.uint8)
        file.create_dataset("volumes/pred_affs", data=values, compression="gzip")
        file["volumes/pred_affs"].attrs.update(attributes)
    return path


def zarr2(path: Path, values: NDArray, **attributes: object) -> Path:
    return _zarr(path, values, 2, attributes)


def zarr3(path: Path, values: NDArray, **attributes: object) -> Path:
    return _zarr(path, values, 3, attributes)


def _zarr(path: Path, values: NDArray, version: int, attributes: dict[str, object]) -> Path:
    path = path.with_suffix(".zarr")
    group = zarr.open_group(path, mode="w", zarr_format=version)
    group.create_array("raw", data=np.zeros((3, 20, 20), np.uint8))
    group.create_array("affs", data=values, chunks=tuple(min(n, 16) for n in values.shape)).attrs.update(attributes)
    return path


def n5(path: Path, values: NDArray, **attributes: object) -> Path:
    """An N5 container; its axes stand the other way round there."""
    import tensorstore as ts

    path = path.with_suffix(".n5")
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": str(path / "affs")}}
    metadata = {"dimensions": values.shape[::-1], "dataType": str(values.dtype), "blockSize": [16] * values.ndim}
    store = ts.open(spec | {"metadata": metadata | {"compression": {"type": "gzip"}}}, create=True).result()
    store[...] = values.T
    kept = path / "affs" / "attributes.json"
    kept.write_text(json.dumps(json.loads(kept.read_text()) | attributes))
    return path


def tiff(path: Path, values: NDArray, **more: object) -> Path:
    path = path.with_suffix(".tif")
    tifffile.imwrite(path, values, photometric="minisblack")
    return path


WRITERS: dict[str, Callable[..., Path]] = {
    writer.__name__: writer for writer in (npy, npz, hdf5, zarr2, zarr3, n5, tiff)
}
