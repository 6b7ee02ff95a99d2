"""Formats of labels, by the end of a file's name."""

from collections.abc import Callable
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.labels.precomputed import write_precomputed
from napari_emcad.io.labels.tiff import write_sections, write_tiff
from napari_emcad.io.labels.zarr import write_ome_zarr, write_zarr

FORMATS: dict[str, Callable[[Path, LabelVolume], Job[Path]]] = {
    ".ome.zarr": write_ome_zarr,
    ".zarr": write_zarr,
    ".precomputed": write_precomputed,
    ".tif": write_tiff,
    ".tiff": write_tiff,
    "": write_sections,
}
"""Writer of labels by the end of a name; without one they become a folder of sections."""


def write_label_volume(path: Path, volume: LabelVolume, ending: str | None = None) -> Job[Path]:
    """Write labels in one of `FORMATS`, by `ending`; None = by the end of the name.

    Raises
    ------
    UserError
        If the name has another end, or is that of the stack the labels come from; and as the format's own.
    """
    if path.exists() and path.resolve() == Path(str(volume.provenance.get("source"))).resolve():
        raise UserError(f"{path}: this is the stack that the labels come from; choose another name.")
    return FORMATS[_ending_of(path) if ending is None else ending](path, volume)


def _ending_of(path: Path) -> str:
    named = next((end for end in FORMATS if end and path.name.lower().endswith(end)), path.suffix)
    if named not in FORMATS:
        known = ", ".join(end for end in FORMATS if end)
        raise UserError(f"{path}: a name that ends in {known}, or a folder's without an end, is needed for labels.")
    return named
