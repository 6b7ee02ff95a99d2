"""Labels: the volumes of ids that are written."""

from functools import partial

from napari_emcad.moved import moved_attribute

__getattr__ = partial(moved_attribute, __name__)
