"""The place of labels in a stack."""

import numpy as np
from napari.layers import Image, Labels

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box, Voxel, triple
from napari_emcad.core.wording import shape_text
from napari_emcad.widgets.kit.layer_units import have_equal_voxels, place_in, scale_of
from napari_emcad.widgets.kit.layers import volume_of

IS_PLACED = "is_placed"
"""Key in the metadata of a layer whose file states its place."""


def box_in_stack(labels: Labels, stack: Image) -> Box:
    """Return the voxels of a stack that were labelled.

    Labels of the stack's shape that nobody gave a place (label files seldom have one) cover all of it; labels of
    another shape have to lie at a place of their own, or their file has to state that they begin where the stack does.

    Raises
    ------
    UserError
        If the place is not known.
    """
    shape, whole = triple(volume_of(labels).shape), triple(volume_of(stack).shape)
    is_unplaced = np.all(labels.scale == 1) and not np.any(labels.translate)
    if shape == whole and is_unplaced:
        return Box.whole(whole)
    start: Voxel = (0, 0, 0)
    if have_equal_voxels(labels, stack):
        start = triple(round(float(n)) for n in place_in(stack, labels, labels.data_to_world((0, 0, 0))))
        box = Box.whole(shape).moved(start)
        if box.clipped(whole) == box and (shape == whole or any(start) or labels.metadata.get(IS_PLACED)):
            return box
    raise UserError(
        f'labels: voxels of "{stack.name}" ({_grid_text(stack)}) are needed, "{labels.name}" is '
        f"{_grid_text(labels)} from voxel {start}; give both the same voxel size and the labels their place."
    )


def _grid_text(layer: Image | Labels) -> str:
    scale = " x ".join(f"{n:g}" for n in scale_of(layer))
    return f"{shape_text(volume_of(layer).shape)} voxels of {scale}"
