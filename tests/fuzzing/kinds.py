"""The table of inputs that are damaged: how each is written, how it is read, and what of it has a checksum."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import h5py
import tifffile
from fuzzing.program_files import PROGRAM_FILES
from fuzzing.readings import Reading, read_affinities, read_crops, read_labels, read_stack
from fuzzing.stacks import AFFINITY_FILES, LABEL_FILES, STACKS, Writer, write_crops

Span = tuple[str, int, int]
"""A part of a file: its path in the folder, and the first byte and the one after the last."""

Checked = Callable[[Path], Iterable[Span]]
"""Takes a folder and returns the parts of its files that are under a checksum."""


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes
    ----------
    write : callable
        Takes an empty folder and returns what is opened in it.
    read : callable
        Takes that path and returns what was read.
    checked : callable
        See `Checked`.
    is_exact : bool
        True if voxels lie uncompressed in one file, so that its length says how many there are.
    """

    write: Writer
    read: Callable[[Path], Reading]
    checked: Checked = lambda folder: ()
    is_exact: bool = False


def _tiff_segments(folder: Path) -> Iterable[Span]:
    for file in sorted(folder.rglob("*.tif")):
        with tifffile.TiffFile(file) as tiff:
            for page in tiff.pages:
                for start, length in zip(page.dataoffsets, page.databytecounts, strict=True):
                    yield file.relative_to(folder).as_posix(), start + 2, start + length


def _hdf5_chunks(folder: Path) -> Iterable[Span]:
    for file in (*folder.glob("*.h5"), *folder.glob("*.ims")):
        found: list[h5py.Dataset] = []
        with h5py.File(file) as opened:
            opened.visititems(lambda _, item, kept=found: kept.append(item) if isinstance(item, h5py.Dataset) else None)
            for dataset in found:
                for number in range(dataset.id.get_num_chunks() if dataset.chunks else 0):
                    chunk = dataset.id.get_chunk_info(number)
                    yield file.name, chunk.byte_offset, chunk.byte_offset + chunk.size


def _files(pattern: str, head: int = 0, tail: int = 0) -> Checked:
    """Return the parts of all files of a pattern, less some bytes at their beginning and end."""

    def spans(folder: Path) -> Iterable[Span]:
        for file in folder.glob(pattern):
            if file.is_file():
                yield file.relative_to(folder).as_posix(), head, file.stat().st_size - tail

    return spans


_CHECKED: dict[str, Checked] = {
    "tiff deflate": _tiff_segments,
    "tiff volumetric tiles": _tiff_segments,
    "sections tiff": _tiff_segments,
    "labels tiff": _tiff_segments,
    "hdf5 gzip": _hdf5_chunks,
    "imaris": _hdf5_chunks,
    "labels hdf5": _hdf5_chunks,
    "zarr 3 gzip": _files("a.zarr/c/*/*/*", head=10),
    "zarr 3 crc32c": _files("a.zarr/c/*/*/*"),
    "n5": _files("a.n5/em/*/*/*", head=16 + 10),
    "webknossos n5": _files("em/color/1/*/*/*/*", head=20 + 10),
    "precomputed gzip": _files("em/4_5_40/*", head=10),
    "precomputed png": _files("em/4_5_40/*", head=8),
    "sections png": _files("em/*.png", head=8, tail=12),
    "nrrd gzip": _files("a.nrrd", head=400),
    "nifti gzip": _files("a.nii.gz", head=10),
    "npz": _files("a.npz", head=60, tail=300),
    "model and card": _files("a.pt"),
    "session": _files("a.emcad/graph/*.npy"),
}
"""What is under a checksum, by the names of kinds."""

_EXACT = {"npy", "mrc", "nrrd", "nifti", "labels npy"}

KINDS: dict[str, Kind] = {
    name: Kind(write, read, _CHECKED.get(name, lambda folder: ()), name in _EXACT)
    for writers, read in ((STACKS, read_stack), (LABEL_FILES, read_labels), (AFFINITY_FILES, read_affinities))
    for name, write in writers.items()
} | {
    "crops": Kind(write_crops, read_crops),
    **{name: Kind(write, read, _CHECKED.get(name, lambda folder: ())) for name, (write, read) in PROGRAM_FILES.items()},
}
"""All kinds, by name."""
