"""A saved session in napari: python -m napari_emcad.widgets.proofread_window FOLDER."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import napari
import numpy as np
from napari.layers import Image

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import Box
from napari_emcad.io.sessions import OpenSession, open_session
from napari_emcad.networks.card import ModelCard
from napari_emcad.pipeline import SegmentParameters
from napari_emcad.reader import read_layers
from napari_emcad.widgets.dock import EMCADDock
from napari_emcad.widgets.results import Result
from napari_emcad.widgets.segmenting import Cut, neurons_of


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window; returns the exit code, 1 with one sentence where the session cannot be opened."""
    parser = argparse.ArgumentParser("python -m napari_emcad.widgets.proofread_window", description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args(arguments).folder
    try:
        opened = open_session(folder)
    except UserError as error:
        print(error, file=sys.stderr)  # noqa: T201 - a program of its own
        return 1
    viewer = napari.Viewer()
    dock = EMCADDock(viewer)
    viewer.window.add_dock_widget(dock, name="EM CAD", area="right")
    show_session(viewer, dock, opened)
    napari.run()
    return 0


def show_session(viewer, dock: EMCADDock, opened: OpenSession) -> None:
    """Put the stack and the neurons of a session into a viewer, ready to be edited.

    Where the stack is not where it was, the affinities stand for it, and without these the neurons stand alone.
    """
    source, box = _stack_of(opened)
    source = viewer.add_layer(source)
    facts, base = opened.facts, opened.session.state.base
    parameters = SegmentParameters(**facts.parameters)
    card = ModelCard(title=facts.model, sha256=facts.model_sha256)
    result = Result(source, box, parameters, opened.affinities, card=card)
    cut = Cut(facts.threshold, facts.min_size)
    dock.segment.results.show_segmentation(result, base, neurons_of(base, cut))
    dock.proofread.attach(result, opened)
    dock.open_proofread()
    if opened.why_read_only:
        dock.message.error(UserError(opened.why_read_only))
    else:
        dock.message.result(f"Every edit is saved at once in {opened.folder}")


def _stack_of(opened: OpenSession) -> tuple[Image, Box]:
    """The image layer, and the box of the session in it."""
    shape = opened.session.state.base.fragments.shape
    box = opened.facts.box_of(shape)
    for layer in _source_layers(opened.facts.source):
        if layer.ndim == 3 and box.clipped(layer.data.shape) == box:
            return layer, box
    stand_in = np.zeros(shape, np.uint8) if opened.affinities is None else opened.affinities[1]
    size = opened.facts.voxel_size
    place = {"scale": tuple(size), "units": ("nm",) * 3} if size else {}
    return Image(stand_in, name=opened.folder.stem, axis_labels=("z", "y", "x"), **place), Box.whole(shape)


def _source_layers(source: str) -> list[Image]:
    try:
        return [Image(data, **meta) for data, meta, kind in read_layers(source) if kind == "image"]
    except UserError:
        return []


if __name__ == "__main__":
    sys.exit(main())
