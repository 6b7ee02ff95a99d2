"""The stack of a session that is opened from its folder, or an image that stands for it."""

import numpy as np
from napari.components import ViewerModel
from napari.layers import Image

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.core.volume import Volume
from napari_emcad.io.sessions.facts import SessionFacts
from napari_emcad.io.sessions.open_session import OpenSession
from napari_emcad.io.stacks.stack import GIVEN
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.proofreading.state import State
from napari_emcad.reader import read_layers
from napari_emcad.widgets.desk.result import Result
from napari_emcad.widgets.kit.affinities_view import channel_of
from napari_emcad.widgets.kit.layers import is_image, set_voxel_size, volume_of, voxel_size_of

STAND_IN = "stands in"
"""Key in the metadata of an image that is shown in the place of a stack that is not there."""


def result_of(viewer: ViewerModel, opened: OpenSession) -> Result:
    """Return the result that a session edits; its stack is added to the viewer if it is not there.

    If there is no stack (any more), the affinities stand for it, and without these the neurons stand alone.
    """
    source, box = _stack_there(viewer, opened) or _stack_of(opened)
    facts = opened.facts
    if source not in viewer.layers:
        if facts.voxel_size and (facts.voxel_size_source == GIVEN or voxel_size_of(source) is None):
            set_voxel_size([source], source, facts.voxel_size)
        source = viewer.add_layer(source)
    card = ModelCard(title=facts.model, sha256=facts.model_sha256)
    parameters = SegmentParameters(**facts.parameters)
    return Result(source, box, parameters, opened.affinities, card=card, plan=facts.plan)


def _stack_there(viewer: ViewerModel, opened: OpenSession) -> tuple[Image, Box] | None:
    """Return the stack and the session's box in it, if the viewer has it already."""
    box = opened.facts.box_of(opened.session.state.base.fragments.shape)
    for layer in filter(is_image, viewer.layers):
        if _is_it(layer, opened.facts) and layer.ndim == 3 and box.clipped(volume_of(layer).shape) == box:
            return layer, box
    return None


def _stack_of(opened: OpenSession) -> tuple[Image, Box]:
    """Return a new image layer, and the box of the session in it."""
    fragments = opened.session.state.base.fragments
    shape = fragments.shape
    box = opened.facts.box_of(shape)
    for layer in _source_layers(opened.facts):
        fits = layer.ndim == 3 and box.clipped(volume_of(layer).shape) == box
        if fits and not _are_labels(volume_of(layer), box, opened.session.state):
            return layer, box
    stand_in = np.zeros(shape, np.uint8) if opened.affinities is None else channel_of(opened.affinities, 1)
    size = opened.facts.voxel_size
    place = {"scale": tuple(size), "units": ("nm",) * 3} if size else {}
    look = {"name": opened.folder.stem, "axis_labels": ("z", "y", "x"), "metadata": {STAND_IN: True}}
    return Image(stand_in, **look, **place), Box.whole(shape)


def _are_labels(data: Volume, box: Box, state: State) -> bool:
    """Return True if these are the labels that the fragments were made of; the name of a file does not tell.

    Grey values are never the same all over a fragment; one section tells, unless it was left out, as blank ones are.
    """
    first, *plane = box.slices
    depth, planned = box.shape[0], state.planned
    seen = [z for z in range(depth) if not (planned and planned.plan.left_out[z + planned.box.start[0]])]
    middle = min(seen, key=lambda z: abs(z - depth // 2), default=depth // 2)
    values, pieces = np.asarray(data[(first.start + middle, *plane)]), state.base.fragments[middle]
    value_of = np.zeros(int(pieces.max()) + 1, values.dtype)
    value_of[pieces] = values
    return bool(pieces.any() and (value_of[pieces] == values)[pieces > 0].all())


def _is_it(layer: Image, facts: SessionFacts) -> bool:
    """Return True if a layer shows the stack of a session; one that names no dataset was on the default one."""
    is_source = bool(facts.source) and str(layer.metadata.get("source")) == facts.source
    return is_source and facts.dataset in (None, layer.metadata.get("dataset"))


def _source_layers(facts: SessionFacts) -> list[Image]:
    """Return the images that open by default, if the stack is among them; else the dataset that the session names."""
    try:
        layers = _images(facts.source)
        return layers if any(_is_it(layer, facts) for layer in layers) else _images(facts.source, facts.dataset)
    except UserError:
        return []


def _images(source: str, dataset: str | None = None) -> list[Image]:
    return [Image(data, **meta) for data, meta, kind in read_layers(source, dataset) if kind == "image"]
