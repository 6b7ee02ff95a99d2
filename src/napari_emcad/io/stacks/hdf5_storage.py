"""The way in which the voxels of an HDF5 dataset are stored: its filters, and other files that it takes them from."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import h5py

from napari_emcad.core.errors import UserError
from napari_emcad.io.extras import import_extra
from napari_emcad.io.stacks.hdf5_links import get_object

_NAMES = {
    4: "SZIP",
    305: "LZO",
    307: "BZIP2",
    32000: "LZF",
    32001: "Blosc",
    32004: "LZ4",
    32008: "bitshuffle",
    32012: "APAX",
    32013: "ZFP",
    32015: "Zstandard",
    32017: "SZ",
    32018: "FCIDECOMP",
    32019: "JPEG",
    32024: "SZ3",
    32026: "Blosc2",
    32028: "SPERR",
    32033: "HTJ2K",
}
"""Names of filters by their registered numbers."""


class _Source(NamedTuple):
    """A dataset that a virtual one takes voxels from; the file "." is its own."""

    file: str
    dataset: str


def check_storage(name: str, dataset: h5py.Dataset) -> None:
    """Refuse a dataset whose voxels cannot be read: HDF5 would show some of them as 0.

    Raises
    ------
    UserError
        If it is compressed in a way that needs a filter that is not there, or takes voxels from files that are not.
    """
    _check_filters(name, dataset)
    _check_external_files(name, dataset)
    for source in dict.fromkeys(_sources(dataset)):
        _check_source(name, dataset, source)


def _check_filters(name: str, dataset: h5py.Dataset) -> None:
    missing = _missing_filters(dataset)
    if not missing:
        return
    text = " and ".join(f"{label} (HDF5 filter {number})" for number, label in missing.items())
    # registers filters when it is imported
    import_extra("hdf5plugin", f"{name}: its voxels are compressed with {text}, which needs", "formats")
    if _missing_filters(dataset):
        raise UserError(
            f"{name}: its voxels are compressed with {text}, which hdf5plugin does not bring; where it can be read, "
            "write it anew with h5repack -f GZIP=4."
        )


def _missing_filters(dataset: h5py.Dataset) -> dict[int, str]:
    """Return the filters that are not there: number -> name."""
    plan = dataset.id.get_create_plist()
    filters = [plan.get_filter(number) for number in range(plan.get_nfilters())]
    return {
        number: _NAMES.get(number) or label.decode(errors="replace").strip("\0 ").partition(";")[0][:40] or "a filter"
        for number, _flags, _values, label in filters
        if not h5py.h5z.filter_avail(number)
    }


def _check_external_files(name: str, dataset: h5py.Dataset) -> None:
    for file, _start, _length in dataset.external or ():
        if not any(place.is_file() for place in _places(dataset, file)):
            raise UserError(f'{name}: its voxels lie in the file "{file}", which is not there; put it beside this one.')


def _sources(dataset: h5py.Dataset) -> Iterator[_Source]:
    """Go through the sources of a virtual dataset, but for those whose names are patterns for any number of files."""
    if dataset.is_virtual:
        for source in dataset.virtual_sources():
            if "%" not in source.file_name:
                yield _Source(source.file_name, source.dset_name)


def _check_source(name: str, dataset: h5py.Dataset, source: _Source) -> None:
    if source.file == ".":
        found = get_object(dataset.file, source.dataset)
        if found is None:
            raise UserError(f'{name}: it takes voxels from "{source.dataset}", which is not there; copy it again.')
        _check_found(name, dataset, found)
        return
    there = next((place for place in _places(dataset, source.file) if place.is_file()), None)
    if there is None:
        raise UserError(
            f'{name}: it takes voxels from the file "{source.file}", which is not there; put it beside this one.'
        )
    try:
        with h5py.File(there, "r", locking=False) as file:
            found = get_object(file, source.dataset)
            if found is not None:
                _check_found(name, dataset, found)
    except OSError as error:
        raise UserError(
            f'{name}: it takes voxels from the file "{source.file}", which cannot be read; copy or export it again.'
        ) from error
    if found is None:
        raise UserError(
            f'{name}: it takes voxels from "{source.dataset}" in the file "{source.file}", which is not in it; '
            "copy or export it again."
        )


def _check_found(name: str, dataset: h5py.Dataset, found: object) -> None:
    """Check the storage of a source, but not its own sources: they may lead in circles."""
    if isinstance(found, h5py.Dataset):
        _check_filters(name, found)
        _check_external_files(name, found)


def _places(dataset: h5py.Dataset, file: str) -> list[Path]:
    """Return where HDF5 looks for a file that a dataset names."""
    folder = Path(dataset.file.filename).absolute().parent
    return [folder / file, Path(file), folder / Path(file).name]
