"""Provenance of labels, in any format that they are written in."""

from pathlib import Path
from typing import Any

from napari_emcad.io.metadata.tiff_description import read_record
from napari_emcad.io.stacks.precomputed import is_precomputed
from napari_emcad.io.stacks.section_images import section_files
from napari_emcad.io.stacks.zarr import is_zarr, open_zarr_node


def read_provenance(path: Path | str) -> dict[str, Any]:
    """Read the provenance of labels in any format they are written in, or of affinities; empty if they carry none."""
    path = Path(path)
    if is_precomputed(path):
        from napari_emcad.io.labels.precomputed import read_precomputed_provenance  # it brings scikit-image

        return read_precomputed_provenance(path)
    if is_zarr(path):
        attributes: dict[str, Any] = open_zarr_node(path).attrs.asdict()
        return dict(attributes.get("provenance") or {})
    file = next(iter(section_files(path)), path) if path.is_dir() else path
    return dict(read_record(file).get("provenance") or {})
