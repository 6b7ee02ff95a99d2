"""A request to export: which neurons, which part of them, in which format."""

from dataclasses import dataclass
from typing import Literal

from napari_emcad.widgets.export.file_formats import LAYER, SESSION_FORMATS, TIFF, TIFF_AND_ZARR

Which = Literal["all", "done", "selected"]
Part = Literal["everything segmented", "box layer"]

ALL: Which = "all"
DONE: Which = "done"
SELECTED: Which = "selected"

WHOLE: Part = "everything segmented"
BOX: Part = "box layer"


@dataclass(frozen=True)
class ExportRequest:
    """The choices of a person; in a format of the session the whole session is written.

    Attributes
    ----------
    format : str
        One of `LABEL_FORMATS`, of `SESSION_FORMATS`, or LAYER.
    which : Which
        Neurons, or neurites.
    part : Part
    """

    format: str = TIFF
    which: Which = ALL
    part: Part = WHOLE

    @property
    def is_layer(self) -> bool:
        """True if nothing is written: the labels become a layer."""
        return self.format == LAYER

    @property
    def is_of_session(self) -> bool:
        """True for a format of something that a session holds."""
        return self.format in SESSION_FORMATS

    @property
    def wants_affinities(self) -> bool:
        """True if affinities are written beside the labels."""
        return self.format == TIFF_AND_ZARR
