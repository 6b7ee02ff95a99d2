"""A stack of 2 GB is never in memory: files of which only the ends are written, the rest is a hole."""

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager

import h5py
import numpy as np
import pytest
import tifffile
import zarr

from napari_emcad.io.stacks.stack import open_stack

SHAPE = (2048, 1024, 1024)
LITTLE = 20 * 2**20
"""Bytes: some sections of it."""


@contextmanager
def at_most(size: int) -> Iterator[None]:
    """The peak of what Python and numpy allocate, in bytes; voxels that are mapped are not theirs."""
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] < size
    finally:
        tracemalloc.stop()


def as_tiff(path):
    tifffile.imwrite(path, shape=SHAPE, dtype=np.uint8, photometric="minisblack")


def as_raw_tiff(path):
    """Its one page's header, then a hole, as `truncate` makes it."""
    tifffile.imwrite(path, shape=(1, *SHAPE[1:]), dtype=np.uint8, photometric="minisblack", imagej=True)
    with tifffile.TiffFile(path, mode="r+b") as tiff:
        start = tiff.pages[0].dataoffsets[0]
        tiff.pages[0].tags["ImageDescription"].overwrite(f"ImageJ=1.11a\nimages={SHAPE[0]}\nslices={SHAPE[0]}\n")
    with path.open("r+b") as file:
        file.truncate(start + int(np.prod(SHAPE)))


def as_hdf5(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("raw", SHAPE, np.uint8, chunks=(1, 256, 256))


def as_zarr(path):
    zarr.create_array(path, shape=SHAPE, dtype=np.uint8, chunks=(1, 256, 256))


def as_folder(path):
    """Two sections of 1 GB."""
    path.mkdir()
    for z in range(2):
        tifffile.imwrite(path / f"{z}.tif", shape=(2**15, 2**15), dtype=np.uint8, photometric="minisblack")


@pytest.mark.parametrize("write", [as_tiff, as_raw_tiff, as_hdf5, as_zarr, as_folder])
def test_a_part_of_2_gb_takes_the_memory_of_the_part(tmp_path, write):
    write(tmp_path / "a")
    with at_most(LITTLE), open_stack(tmp_path / "a") as volume:
        assert volume.array.nbytes == 2**31
        assert volume.array[1, 100:700].shape[0] == 600


def test_the_whole_would_be_seen(tmp_path):
    """The measure itself: a fortieth of it is more than the limit."""
    as_tiff(tmp_path / "a")
    with pytest.raises(AssertionError), at_most(LITTLE), open_stack(tmp_path / "a") as volume:
        volume.array[:50]
