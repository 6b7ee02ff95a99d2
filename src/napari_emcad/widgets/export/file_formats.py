"""The formats that the panel offers: of labels, and of what else a session holds."""

from dataclasses import dataclass
from pathlib import Path

from napari_emcad.core.choices import Export

TIFF, TIFF_AND_ZARR, LAYER = "label TIFF", "label TIFF + affinities Zarr", "new labels layer"
PRECOMPUTED = "neuroglancer precomputed, with surfaces"
MADE_UP = "interpolated voxels TIFF"
TABLES = (".csv", ".npz", ".parquet")


@dataclass(frozen=True)
class FileFormat:
    """A format by what is in it and how file names end.

    Attributes
    ----------
    what : str
        The contents in one word, for proposed names.
    suffixes : tuple of str
        Ends that will do, the usual one first; "" is a folder.
    name : str or None
        The format in the files, one of `io.labels.formats.FORMATS` for labels; None = by the end of the path.
    """

    what: str
    suffixes: tuple[str, ...]
    name: str | None = None

    @property
    def suffix(self) -> str:
        """The usual end of a name."""
        return self.suffixes[0]

    @property
    def kinds(self) -> str:
        """The names that will do, as a file dialog filters them; empty for a folder."""
        return f"{self.what} ({' '.join(f'*{s}' for s in self.suffixes)})" if self.suffix else ""

    def proposed_name(self, stack: str) -> str:
        """Return a file name for a stack of this name."""
        return f"{stack} {self.what}{self.suffix}"

    def completed(self, path: Path) -> Path:
        """Return a path with the usual end, unless it has one that will do."""
        fits = path.name.lower().endswith(self.suffixes)
        return path if fits else path.with_name(f"{path.name}{self.suffix}")


@dataclass(frozen=True)
class SessionFormat(FileFormat):
    """A format of something that a session holds, which has the name of the export."""

    what: Export


LABEL_FORMATS = {
    TIFF: FileFormat("neurons", (".tif", ".tiff"), "tiff"),
    TIFF_AND_ZARR: FileFormat("neurons", (".tif", ".tiff"), "tiff"),
    "label TIFFs, one a section": FileFormat("sections", ("",), "tiff-series"),
    "label Zarr": FileFormat("neurons", (".zarr",), "zarr"),
    "label OME-Zarr 0.5, with a pyramid": FileFormat("neurons", (".ome.zarr",), "ome-zarr"),
    "label OME-Zarr 0.4, for older programs": FileFormat("neurons", (".ome.zarr",), "ome-zarr-0.4"),
    PRECOMPUTED: FileFormat("neurons", (".precomputed",), "precomputed"),
    "neuroglancer precomputed": FileFormat("neurons", (".precomputed",), "precomputed-volume"),
}
"""Formats of neurons or neurites."""

SESSION_FORMATS = {
    "fragments TIFF": SessionFormat("fragments", (".tif", ".tiff")),
    MADE_UP: SessionFormat("interpolated", (".tif", ".tiff")),
    "fragment table": SessionFormat("table", TABLES),
    "region graph": SessionFormat("graph", TABLES),
    "neuron table": SessionFormat("neurons", TABLES),
    "edit log": SessionFormat("log", (".csv", ".parquet")),
    "neuroglancer equivalences": SessionFormat("equivalences", (".json",)),
    "surfaces (PLY)": SessionFormat("meshes", ("",), "ply"),
    "surfaces in one file": SessionFormat("meshes", (".glb", ".obj", ".stl", ".ply")),
}
"""Formats of what a session holds besides its labels."""


def format_of(name: str) -> FileFormat:
    """Return the format of files by its name; that of labels in a layer is a TIFF's."""
    return SESSION_FORMATS.get(name) or LABEL_FORMATS.get(name, LABEL_FORMATS[TIFF])
