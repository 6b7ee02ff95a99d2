"""Formats of stacks that are known but not read: they are refused with the name of the format and a way to convert."""

from pathlib import Path
from typing import NamedTuple

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.open_dataset import OpenDataset
from napari_emcad.io.stacks.stack_selection import ANY, StackSelection


class _Format(NamedTuple):
    """A format: its name, and how to convert a file."""

    name: str
    remedy: str


_FIJI = "open it in Fiji (File > Import > Bio-Formats) and save it as TIFF"
_BIOFORMATS = "convert it with bioformats2raw IN OUT.zarr, or open it in Fiji and save it as TIFF"
_DIGITAL_MICROGRAPH = "save it as TIFF or MRC in DigitalMicrograph, or open it in Fiji and save it as TIFF"

_FORMATS = {
    ".dm3": _Format("DigitalMicrograph file", _DIGITAL_MICROGRAPH),
    ".dm4": _Format("DigitalMicrograph file", _DIGITAL_MICROGRAPH),
    ".ser": _Format("TIA series", _FIJI),
    ".emi": _Format("TIA file", _FIJI),
    ".czi": _Format("Zeiss CZI file", _BIOFORMATS),
    ".nd2": _Format("Nikon ND2 file", _BIOFORMATS),
    ".lif": _Format("Leica LIF file", _BIOFORMATS),
    ".lof": _Format("Leica LOF file", _BIOFORMATS),
    ".vsi": _Format("Olympus VSI file", _BIOFORMATS),
    ".oib": _Format("Olympus OIB file", _BIOFORMATS),
    ".oif": _Format("Olympus OIF file", _BIOFORMATS),
    ".oir": _Format("Olympus OIR file", _BIOFORMATS),
    ".sld": _Format("SlideBook file", _BIOFORMATS),
    ".am": _Format("Amira mesh", "save it as 3D TIFF in Amira, or open it in Fiji and save it as TIFF"),
    ".amiramesh": _Format("Amira mesh", "save it as 3D TIFF in Amira, or open it in Fiji and save it as TIFF"),
    ".hx": _Format("Amira project", "save its image as 3D TIFF in Amira"),
    ".vsv": _Format("VAST volume", "export it as image stack (TIFF) in VAST"),
    ".vsvi": _Format("VAST image service", "export it as image stack (TIFF) in VAST"),
    ".vss": _Format("VAST segmentation", "export it as image stack (TIFF) in VAST"),
    ".spi": _Format("SPIDER file", "convert it with IMOD or EMAN2, e2proc3d.py IN OUT.mrc"),
    ".dcm": _Format("DICOM file", _FIJI),
    ".mha": _Format("MetaImage", _FIJI),
    ".mhd": _Format("MetaImage", _FIJI),
    ".mat": _Format("MATLAB file before version 7.3", "save it again in MATLAB with save(NAME, '-v7.3')"),
    ".raw": _Format("file of voxels without a header", "open it in Fiji (File > Import > Raw) and save it as TIFF"),
    ".vol": _Format("file of voxels without a header", "open it in Fiji (File > Import > Raw) and save it as TIFF"),
    ".dat": _Format("file of a FIB-SEM microscope or of another program", _FIJI),
    ".h5j": _Format("H5J video file", _FIJI),
    ".klb": _Format("KLB file", _FIJI),
}
"""Formats by the ending of a name, in small letters."""

_PACKED = {
    ".gz": "gunzip --keep",
    ".bz2": "bunzip2 --keep",
    ".xz": "unxz --keep",
    ".zst": "zstd -d",
    ".tar": "tar -xf",
    ".tgz": "tar -xf",
}
"""Commands that unpack a file, by the ending of its name."""


def is_foreign(path: Path) -> bool:
    """Return True if a file is named as one of a format that is known but not read, or as a packed file."""
    return path.is_file() and _ending(path) in {*_FORMATS, *_PACKED}


def refuse_foreign(path: Path, wish: StackSelection = ANY) -> OpenDataset:
    """Refuse a file of a format that is not read.

    Raises
    ------
    UserError
        Always; it names the format and a way to convert the file.
    """
    ending = _ending(path)
    if ending in _PACKED:
        raise UserError(f'{path}: a packed file is not read; unpack it, {_PACKED[ending]} "{path.name}".')
    found = _FORMATS[ending]
    raise UserError(f"{path}: this is named as a {found.name}, which is not read; {found.remedy}.")


def _ending(path: Path) -> str:
    return path.suffix.lower()
