"""The cross of a canvas: the lines, in its pixels, along which the planes of the others cut it."""

from dataclasses import dataclass

from napari.components import ViewerModel

from napari_emcad.widgets.desk.canvases import Canvases
from napari_emcad.widgets.kit.on_canvas import pixel_of_world
from napari_emcad.widgets.panes.linked_views import shown_axes


@dataclass(frozen=True)
class Cross:
    """Two lines over a canvas.

    Attributes
    ----------
    down, right : float
        Pixels of the screen from the upper edge to the level line, and from the left edge to the upright one.
    level, upright : int
        Axes that are cut by the planes of the two lines.
    cut : int
        Axis that the canvas itself cuts.
    """

    down: float
    right: float
    level: int
    upright: int
    cut: int


def cross_of(canvas: ViewerModel, canvases: Canvases) -> Cross | None:
    """Return the cross of a canvas; None if it shows 3D, or no three axes."""
    if canvas.dims.ndisplay == 3 or canvas.dims.ndim < 3:
        return None
    level, upright = shown_axes(canvas)
    down, right = pixel_of_world(canvas, canvases.place)
    return Cross(down, right, level, upright, 3 - level - upright)
