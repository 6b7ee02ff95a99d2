"""The cross of a canvas: the lines, in its pixels, along which the planes of the others cut it."""

from dataclasses import dataclass

from napari.components import ViewerModel

from napari_emcad.widgets.desk.canvases import Canvases
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
    camera = canvas.scene.camera
    apart = [
        (canvases.place[axis] - center) * camera.zoom * sign
        for axis, center, sign in zip((level, upright), camera.center[-2:], _signs(canvas), strict=True)
    ]
    height, width = canvas.canvas.size
    return Cross(height / 2 + apart[0], width / 2 + apart[1], level, upright, 3 - level - upright)


def _signs(canvas: ViewerModel) -> tuple[int, int]:
    """Return 1 for an axis that napari shows downwards or to the right, -1 for one that it is set to turn round."""
    _, vertical, horizontal = (str(one) for one in canvas.scene.camera.orientation)
    return (-1 if vertical == "up" else 1), (-1 if horizontal == "left" else 1)
