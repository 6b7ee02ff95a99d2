"""Formats of labels, by name and by the end of a file's name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from napari_emcad.core.errors import UserError
from napari_emcad.core.progress import Job
from napari_emcad.io.labels.label_volume import LabelVolume
from napari_emcad.io.labels.precomputed import check_precomputed_target, write_precomputed
from napari_emcad.io.labels.tiff import check_sections_target, check_tiff_target, write_sections, write_tiff
from napari_emcad.io.labels.zarr import check_zarr_target, write_ome_zarr, write_zarr


@dataclass(frozen=True)
class LabelFormat:
    """A format of labels.

    Attributes
    ----------
    endings : tuple of str
        Ends of names that stand for it, in small letters; "" = a folder's name without an end; none = it is chosen by
        its own name alone.
    write : callable
        Writes labels to a path.
    check_target : callable
        Raises UserError if something lies at a path that may not be replaced by it, or an extra is missing.
    needs_size : bool
        True if the voxel size has to be known.
    """

    endings: tuple[str, ...]
    write: Callable[[Path, LabelVolume], Job[Path]]
    check_target: Callable[[Path], None]
    needs_size: bool = False


FORMATS: dict[str, LabelFormat] = {
    "ome-zarr": LabelFormat((".ome.zarr",), write_ome_zarr, check_zarr_target),
    "ome-zarr-0.4": LabelFormat((), partial(write_ome_zarr, version="0.4"), check_zarr_target),
    "zarr": LabelFormat((".zarr",), write_zarr, check_zarr_target),
    "precomputed": LabelFormat((".precomputed",), write_precomputed, check_precomputed_target, True),
    "precomputed-volume": LabelFormat((), partial(write_precomputed, surfaces=False), check_precomputed_target, True),
    "tiff": LabelFormat((".tif", ".tiff"), write_tiff, check_tiff_target),
    "tiff-series": LabelFormat(("",), write_sections, check_sections_target),
}
"""Formats by name, those with the longer ends first; a precomputed volume comes with surfaces, or alone."""


def write_label_volume(path: Path, volume: LabelVolume, name: str | None = None) -> Job[Path]:
    """Write labels in the format of this name, one of `FORMATS`; None = by the end of the path.

    Raises
    ------
    UserError
        If the path has another end, is that of the stack the labels come from, or is taken by something else than an
        older export; and as the format's own.
    """
    if path.exists() and path.resolve() == Path(str(volume.provenance.get("source"))).resolve():
        raise UserError(f"{path}: this is the stack that the labels come from; choose another name.")
    return check_label_target(path, name).write(path, volume)


def check_label_target(path: Path, name: str | None = None) -> LabelFormat:
    """Return the format that labels are written in, of this name or by the end of the path.

    Raises
    ------
    UserError
        If there is no such format, the path has another end, or is taken by something else than an older export.
    """
    if name and name not in FORMATS:
        raise UserError(f"{path}: {name} is no format of labels; choose one of {', '.join(FORMATS)}.")
    chosen = FORMATS[name or _format_of(path)]
    chosen.check_target(path)
    return chosen


def _format_of(path: Path) -> str:
    shown = path.name.lower()
    for name, known in FORMATS.items():
        if any(end and shown.endswith(end) for end in known.endings) or path.suffix in known.endings:
            return name
    ends = ", ".join(end for known in FORMATS.values() for end in known.endings if end)
    raise UserError(f"{path}: a name that ends in {ends}, or a folder's without an end, is needed for labels.")
