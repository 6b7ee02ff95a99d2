"""File names of the datasets of the papers, and the voxel sizes that those files leave out."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.stacks.locations import Location


@dataclass(frozen=True)
class PaperLayout:
    """A dataset whose volumes are two files each, the stack and its labels, in one folder.

    Attributes
    ----------
    name : str
        Name of the dataset.
    voxel_size : VoxelSize
        In nm.
    volumes : str
        Regular expression of the volumes' names; capitals do not count.
    raw, labels : str
        Names of the two files without suffix; {} stands for the volume's.
    is_unique : bool
        True if no other files are called so: the name of a file alone says what its voxel size is.
    """

    name: str
    voxel_size: VoxelSize
    volumes: str
    raw: str
    labels: str
    is_unique: bool = False

    def stems(self, stem: str) -> tuple[str, str] | None:
        """Return the names of stack and labels without suffix, if a file of this name is one of them; else None."""
        for template in (self.raw, self.labels):
            found = re.fullmatch(template.format(f"(?P<volume>{self.volumes})"), stem, re.IGNORECASE)
            if found:
                volume = found.groupdict().get("volume", "")
                return self.raw.format(volume), self.labels.format(volume)
        return None


CREMI = PaperLayout("CREMI", VoxelSize(40, 4, 4), "cremi_?[abc]", "{}_inputs", "{}_labels", is_unique=True)

LAYOUTS = (
    CREMI,
    PaperLayout("AC3-AC4", VoxelSize(30, 6, 6), "ac[34]", "{}_inputs", "{}_labels", is_unique=True),
    PaperLayout("SNEMI3D", VoxelSize(30, 6, 6), "train|test", "{}-input", "{}-labels"),
    PaperLayout("SNEMI3D", VoxelSize(30, 6, 6), "", "raw", "neuron_ids"),
    PaperLayout("Wafer4", VoxelSize(35, 8, 8), r"wafer\d+(_\w+)?", "{}_inputs", "{}_labels", is_unique=True),
    PaperLayout("Kasthuri15", VoxelSize(30, 6, 6), "train|test", "{}_input", "{}_labels"),
)
"""Names of the files and voxel sizes (z, y, x).

Sources: CREMI, cremi.org/data; AC3, AC4, SNEMI3D and Kasthuri15, Kasthuri et al., Cell 162:648, 2015; Wafer4, Liu et
al., CVPR 2024.
"""

PAPER_DATASETS = tuple(dict.fromkeys(layout.name for layout in LAYOUTS))
"""Names of the datasets, each once."""


def find_layouts(name: str | None) -> Iterator[PaperLayout]:
    """Yield the layouts of a dataset, whatever the capitals; all of them without a name."""
    return (layout for layout in LAYOUTS if name is None or layout.name.lower() == name.lower())


def voxel_size_by_name(path: Location) -> VoxelSize | None:
    """Return the voxel size of a file that says none, if its name leaves no doubt about the dataset; else None.

    >>> voxel_size_by_name(Path("AC4_inputs.h5")), voxel_size_by_name(Path("raw.tif"))
    (VoxelSize(z=30, y=6, x=6), None)
    """
    return next((layout.voxel_size for layout in LAYOUTS if layout.is_unique and layout.stems(path.stem)), None)
