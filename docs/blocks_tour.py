"""The picture of segmenting by blocks: python docs/blocks_tour.py [--data STACK] [--model FILE].

Mirrors 48 sections of an EM stack on y and x, segments that by blocks from the dock, takes docs/images/blocks.png while
it runs, stops it, goes on with it and opens the session. Wants a screen, or a virtual one
(xvfb-run).
"""

import os
from pathlib import Path
from tempfile import TemporaryDirectory

os.environ.setdefault("NAPARI_CONFIG", "")  # pictures do not depend on whose settings are in use

import napari
import numpy as np
import zarr
from screenshots import Camera, parser
from window import open_window

from napari_emcad.blocks.steps import FRAGMENTS
from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.reader import read_layers
from napari_emcad.widgets.blocks.stage import Stage
from napari_emcad.widgets.demo import wait
from napari_emcad.widgets.dock import EMCADDock

SECTIONS = 48
SHARE = 0.4
"""Of the blocks that are parted into fragments when the picture is taken."""


def main() -> None:
    options = parser("Take the picture of segmenting by blocks.").parse_args()
    with TemporaryDirectory() as folder:
        stack = _large(Path(folder), options.data)
        viewer, dock = open_window(options.theme)
        for data, meta, kind in read_layers(str(stack)):
            viewer.add_layer(napari.layers.Layer.create(data, meta, kind))
        if options.model:
            dock.desk.model.open_file(options.model)
        viewer.scene.camera.zoom *= 0.6  # a picture of fewer bytes
        _by_blocks(dock, Camera(viewer, options.images))
        viewer.close()


def _by_blocks(dock: EMCADDock, take: Camera) -> None:
    panel = dock.blocks
    wait(lambda: not panel.session.why_not)
    dock.sections["blocks"].open()
    panel.button.click()
    bar = panel.view.bar
    wait(lambda: bar.format().startswith(FRAGMENTS) and bar.value() >= SHARE * bar.maximum())
    take("blocks")
    panel.button.click()
    wait(lambda: panel.session.stage is Stage.UNFINISHED)
    panel.button.click()
    wait(lambda: panel.session.stage is Stage.FINISHED)
    panel.button.click()
    wait(lambda: dock.desk.sessions.current is not None)


def _large(folder: Path, data: Path | None) -> Path:
    """A Zarr of at most 48 x 2048 x 2048 voxels, with its voxel size."""
    if data is None:
        part, size = synthetic_stack((SECTIONS, 256, 256)).raw, (30, 6, 6)
    else:
        with open_stack(data) as volume:
            part, size = volume.array[:SECTIONS], volume.voxel_size or (30, 6, 6)
    mirrored = np.pad(part, [(0, 0), (0, part.shape[1]), (0, part.shape[2])], "symmetric")
    zarr.save_array(folder / "large.zarr", mirrored, attributes={"voxel_size_nm": list(size)})
    return folder / "large.zarr"


if __name__ == "__main__":
    main()
