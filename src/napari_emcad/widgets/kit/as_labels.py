"""An image of ids becomes labels, at its place."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.whole_labels import is_whole
from napari_emcad.reader import shown_labels
from napari_emcad.widgets.kit.layers import origin_of, place_of, remove_layer


def replace_by_labels(viewer: ViewerModel, image: Image) -> tuple[Labels, str]:
    """Put labels where an image (z, y, x) of ids is; return them and a sentence on what was left out. Its file stays.

    Raises
    ------
    UserError
        If there are fractions in it.
    """
    data = list(image.data) if image.multiscale else image.data
    if isinstance(data, np.ndarray) and not is_whole(data):
        raise UserError(f'"{image.name}": labels are whole numbers, and it holds fractions; it stays an image.')
    values, note = shown_labels(data, image.name)
    kept = {**image.metadata, **{key: value for key, value in origin_of(image).items() if value}}
    labels = Labels(values, name=image.name, metadata=kept, multiscale=image.multiscale, **place_of(image))
    number = viewer.layers.index(image)
    remove_layer(viewer, image)
    viewer.layers.insert(number, labels)
    return labels, note
