"""A run by affinities in a file, made of what is chosen on the desk."""

from math import prod

import numpy as np
import psutil
from napari.layers import Image

from napari_emcad.core.agglomeration import agglomeration_memory
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import triple
from napari_emcad.core.wording import shape_text, size_text
from napari_emcad.from_affinities import resolved
from napari_emcad.io.foreign_affinities import AffinityFile
from napari_emcad.io.metadata.lengths import Point
from napari_emcad.widgets.desk.choices import Choices
from napari_emcad.widgets.desk.region import WHOLE
from napari_emcad.widgets.kit.layers import volume_of, voxel_size_of
from napari_emcad.workers.affinities import AffinitiesRequest


def request_by_file(choices: Choices, file: AffinityFile) -> tuple[Image, AffinitiesRequest]:
    """Return the layer of the stack, and the run that segments its region by affinities in a file.

    Raises
    ------
    UserError
        If there is no stack, the affinities do not fit it, or memory does not suffice.
    """
    source = choices.stack.layer
    if choices.stack.why_not or source is None:
        raise UserError(choices.stack.why_not)
    asked = None if choices.region.kind == WHOLE else choices.region.box()
    shape = triple(volume_of(source).shape)
    places = file.places_in(shape, voxel_size_of(source), _offset_of(source), asked)
    chosen = {"device": "auto", "black": None, "white": None, "scale": file.scale}
    parameters = resolved(choices.parameters()).model_copy(update=chosen)
    voxels = prod(places.box.shape)
    needed, free = 3 * voxels + agglomeration_memory(voxels, parameters.seed_sigma), psutil.virtual_memory().available
    if needed > free:
        raise UserError(
            f"memory: {size_text(needed)} are needed for {shape_text(places.box.shape)} voxels and {size_text(free)} "
            "are free; choose a box."
        )
    values = np.zeros((3, *places.box.shape), np.uint8)
    return source, AffinitiesRequest(file, places, parameters, values)


def _offset_of(layer: Image) -> Point | None:
    """Return the place of a layer's first voxel in nm; None without a voxel size."""
    size = voxel_size_of(layer)
    if size is None:
        return None
    voxels = np.asarray(layer.translate[-3:]) / np.asarray(layer.scale[-3:])
    z, y, x = (float(at * n) for at, n in zip(voxels, size, strict=True))
    return z, y, x
