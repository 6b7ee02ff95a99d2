"""Objects of an HDF5 file by their names, through links."""

from pathlib import Path

import h5py


def get_object(group: h5py.Group, name: str) -> h5py.Group | h5py.Dataset | h5py.Datatype | None:
    """Return the object of a name, through links; None if there is none, or a link leads nowhere.

    A link to a pipe or a device leads nowhere: HDF5 would wait for it.
    """
    try:
        for part in [part for part in name.split("/") if part]:
            if not isinstance(group, h5py.Group) or _leads_to_no_file(group, part):
                return None
            group = group[part]
    except (KeyError, OSError, RuntimeError, ValueError):
        return None
    return group


def _leads_to_no_file(group: h5py.Group, name: str) -> bool:
    link = group.get(name, getlink=True)
    if not isinstance(link, h5py.ExternalLink):
        return False
    beside = Path(group.file.filename).absolute().parent
    return any(place.exists() and not place.is_file() for place in (beside / link.filename, Path(link.filename)))


def broken_link(name: str, link: object) -> str:
    """Return the sentence on a link that leads nowhere."""
    if isinstance(link, h5py.ExternalLink):
        return f'its link "{name}" leads to "{link.path}" in the file "{link.filename}", which is not there.'
    if isinstance(link, h5py.SoftLink):
        return f'its link "{name}" leads to "{link.path}", which is not there.'
    return f'its object "{name}" cannot be read.'


def get_link(group: h5py.Group, name: str) -> h5py.HardLink | h5py.SoftLink | h5py.ExternalLink | None:
    """Return the link of a name; None if there is none."""
    try:
        return group.get(name, getlink=True)
    except (KeyError, OSError, RuntimeError, ValueError):
        return None


def open_dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """Open a dataset; voxels in files of their own are taken from beside this file, unless they lie where one works."""
    found: h5py.Dataset = file[name]
    if all(Path(other).is_file() for other, _, _ in found.external or ()):
        return found
    del found  # HDF5 opens a dataset in one way at a time
    access = h5py.h5p.create(h5py.h5p.DATASET_ACCESS)
    access.set_efile_prefix(b"${ORIGIN}")
    return h5py.Dataset(h5py.h5d.open(file.id, name.encode(), access))
