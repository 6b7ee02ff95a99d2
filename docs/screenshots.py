"""The pictures of the tutorial: python docs/screenshots.py [--data STACK] [--model FILE].

Opens napari on a part of an EM stack, or on the synthetic sample, goes the way of the tutorial, and writes
docs/images/{before,running,after,error,3d,sections}.png. Wants a screen, or a virtual one (xvfb-run).
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import gaussian_filter
from window import open_window

from napari_emcad.core.synthetic import synthetic_stack
from napari_emcad.io.stacks.stack import open_stack
from napari_emcad.widgets.demo import finish, pause, wait
from napari_emcad.widgets.dock import EMCADDock

IMAGES = Path(__file__).parent / "images"
LARGEST = 300_000
"""Bytes of a picture."""

PART = (6, 384, 384)
"""Voxels (z, y, x) of a stack that are shown."""


DEFECTIVE = (40, 512, 512)
"""Voxels (z, y, x) of the stack with defective sections."""


def main() -> None:
    options = parser("Take the pictures of the tutorial.").parse_args()
    viewer, dock = open_window(options.theme)
    _open(viewer, dock, options)
    take = Camera(viewer, options.images)
    wait(lambda: dock.desk.device.device is not None and dock.desk.model.card is not None)
    take("before")
    dock.desk.runs.run()
    wait(lambda: dock.desk.runs.sections_done >= 3)
    take("running")
    finish(dock)
    take("after")
    _choose_one_section(viewer, dock)
    take("error")
    dock.desk.stack.layer = viewer.layers[0]
    _look_at_neurons_in_3d(viewer)
    take("3d")
    _look_at_sections(viewer, dock, options)
    take("sections")
    viewer.close()


def _choose_one_section(viewer, dock: EMCADDock) -> None:
    source = dock.desk.stack.layer
    viewer.add_image(source.data[0], name="one section", visible=False, scale=source.scale[1:], units=source.units[1:])
    dock.desk.stack.layer = viewer.layers["one section"]


def _look_at_sections(viewer, dock: EMCADDock, options: argparse.Namespace) -> None:
    """A stack in which sections are blank, blurred, half missing, mirrored and shifted, and its report in full."""
    if options.data is None:
        stack = synthetic_stack(DEFECTIVE, seed=2).raw
    else:
        with open_stack(options.data) as volume:
            stack = volume.array[tuple(slice(n) for n in DEFECTIVE)].copy()
    stack[9] = 0
    stack[14] = gaussian_filter(stack[14].astype(float), 6).astype(np.uint8)
    stack[19, :, :200] = 0
    stack[24] = stack[24, :, ::-1]
    stack[30:] = np.roll(stack[30:], 24, axis=2)
    viewer.layers.clear()
    viewer.dims.ndisplay = 2
    viewer.add_image(stack, name="defective", scale=(30, 6, 6), units=["nm"] * 3)
    viewer.reset_view()
    wait(lambda: not dock.desk.inspection.is_looking)
    report = dock.section_report
    report.arrow.click()
    report.list.select([14])
    dock.desk.inspection.show(14)
    pause(5)  # the small pictures are read beside the window


def _look_at_neurons_in_3d(viewer) -> None:
    neurons = next(layer for layer in viewer.layers if layer.name.endswith("neurons"))
    viewer.layers.selection.active = neurons
    for layer in viewer.layers:
        layer.visible = layer is neurons
    neurons.opacity = 1
    viewer.dims.ndisplay = 3
    viewer.reset_view()
    viewer.scene.camera.angles = (0, -30, 30)


class Camera:
    """Takes pictures of the whole window, small enough for a repository."""

    def __init__(self, viewer, folder: Path):
        self._viewer, self._folder = viewer, folder
        folder.mkdir(parents=True, exist_ok=True)

    def __call__(self, name: str) -> None:
        pause(0.5)
        picture = Image.fromarray(self._viewer.screenshot(canvas_only=False, flash=False)[..., :3])
        path = self._folder / f"{name}.png"
        for colours in (None, 256, 128, 64):
            small = picture if colours is None else _of_few_colours(picture, colours)
            small.save(path, optimize=True)
            if path.stat().st_size < LARGEST:
                break
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


def _of_few_colours(picture: Image.Image, colours: int) -> Image.Image:
    """Also rare ones, such as those of a legend; the means of what is near them, so that grey stays grey."""
    return picture.quantize(colours, Image.Quantize.MAXCOVERAGE, kmeans=10, dither=Image.Dither.NONE)


def parser(description: str) -> argparse.ArgumentParser:
    """What all scripts that take pictures can be told."""
    made = argparse.ArgumentParser(description=description)
    made.add_argument("--data", type=Path, help="an EM stack; the synthetic sample otherwise")
    made.add_argument("--model", type=Path, help="a checkpoint; the bundled model otherwise")
    made.add_argument("--images", type=Path, default=IMAGES, help="where the pictures go")
    made.add_argument("--theme", default="dark", help="napari's theme: dark or light")
    return made


def _open(viewer, dock: EMCADDock, options: argparse.Namespace) -> None:
    if options.data is None:
        dock.opener.open_sample("small")
        finish(dock)
    else:
        with open_stack(options.data) as volume:
            part = volume.array[tuple(slice(n) for n in PART)]
            viewer.add_image(
                part, name=options.data.parent.name, scale=volume.voxel_size or (30, 6, 6), units=["nm"] * 3
            )
    if options.model is not None:
        dock.desk.model.open_file(options.model)


if __name__ == "__main__":
    main()
