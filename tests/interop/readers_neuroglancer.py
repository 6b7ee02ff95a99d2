"""neuroglancer in headless Chromium: what it says of a layer, and sections of it as pictures, pixel by pixel.

A section is shown with a colour for each id, whole pixels for a voxel, at the place where the labels lie in the stack;
surfaces are shown along z. The pictures stay beside the outputs.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import neuroglancer
import numpy as np
from neuroglancer.static_file_server import StaticFileServer
from PIL import Image
from readers_kit import Check, Level, Truth, Wrong, main

SECTIONS = (0, 5, 10)
BACKGROUND = (128, 128, 128)
OUTLINE = 0.02
"""Part of an outline's pixels that may differ: those at its rim."""

Colours = dict[int, tuple[int, int, int]]

NM_A_PIXEL = 2
WAIT = 60
"""Seconds until an answer has to be there."""

BROWSER = ["--headless=new", "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]


@contextmanager
def browser(viewer: neuroglancer.Viewer) -> Iterator[None]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [program, *BROWSER, f"--user-data-dir={profile}", viewer.get_viewer_url()]
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
        try:
            yield
        finally:
            running.terminate()
            running.wait()


class Viewer:
    """One viewer, one layer at a time."""

    def __init__(self, viewer: neuroglancer.Viewer, url: str, truth: Truth):
        self.viewer, self.url, self.truth = viewer, url, truth

    def show(self, path: Path, scheme: str = "", kind: str = "segmentation", **more: Any) -> tuple[Any, Any, Any]:
        """Show an output, and return its place and voxel size in nm, in its own order of axes, and its store."""
        source = f"{self.url}/{path.name}/|{scheme or 'neuroglancer-precomputed:'}"
        with self.viewer.txn() as state:
            state.layers.clear()
            state.layers.append(name="seen", layer={"type": kind, "source": source, **more})
        store = self.viewer.volume("seen").result(WAIT)
        size = np.array(
            [unit.multiplier * (1e9 if unit.base_unit == "m" else np.nan) for unit in store.dimension_units]
        )
        return np.array(store.domain.origin) * size, size, store

    def colours(self, name: str) -> dict[int, tuple[int, int, int]]:
        """Return a colour for each id of an array."""
        ids = np.unique(self.truth.array(name))
        drawn = np.random.default_rng(0).integers(40, 256, (len(ids), 3)).tolist()
        return {0: BACKGROUND} | {int(n): tuple(colour) for n, colour in zip(ids, drawn, strict=True) if n}

    def segments(self, scheme: str, shift: float | None, name: str = "labels", **more: Any) -> Check:
        """Check labels by sections as pictures; `more` goes to the layer.

        `shift` says where a voxel lies at its number: 0 = its corner, as neuroglancer has it, -0.5 = its middle, as
        OME-Zarr has it; None = the format does not say where the labels lie.
        """

        def check(path: Path, truth: Truth) -> str:
            place, size, store = self.show(path, scheme, **more)
            if "".join(store.domain.labels) == "xyz":
                place, size = place[::-1], size[::-1]
            said = truth.check_stated(size, None if shift is None else place)
            labels, start = truth.array(name), np.zeros(3) if shift is None else truth.start + shift
            colours = self.colours(name)
            for z in SECTIONS:
                picture = self.section(labels[z].shape, start, z, colours)
                Image.fromarray(picture).save(path.with_name(f"{path.name}_{z}.png"))
                compare(picture, labels[z], colours)
            return " ".join(["v", *said])

        return check

    def section(self, shape: tuple[int, int], start: Any, z: int, colours: Colours) -> Any:
        """Return the picture of one section, whole pixels for a voxel."""
        height, width = (np.array(shape) * self.truth.size[1:] / NM_A_PIXEL).astype(int)
        with self.viewer.txn() as state:
            self.prepare(state, start + np.array([z + 0.5, *(n / 2 for n in shape)]), colours)
            state.cross_section_scale = NM_A_PIXEL / self.truth.size.min()
            state.layout = "xy"
        return self.picture(width, height)

    def prepare(self, state: Any, place: Any, colours: Colours) -> None:
        """Give each id its colour, hide what is drawn besides, and go to a place (z, y, x), in voxels."""
        scales = self.truth.size[::-1].tolist()
        state.dimensions = neuroglancer.CoordinateSpace(names=["x", "y", "z"], units="nm", scales=scales)
        state.position = place[::-1].tolist()
        state.show_axis_lines = state.show_scale_bar = state.show_default_annotations = state.show_slices = False
        layer = state.layers["seen"].layer
        layer.segments = set(colours) - {0}
        layer.segment_colors = {n: "#" + bytes(colour).hex() for n, colour in colours.items() if n}
        layer.selected_alpha, layer.not_selected_alpha = 1, 0

    def picture(self, width: int, height: int) -> Any:
        return self.viewer.screenshot(size=[int(width), int(height)]).screenshot.image_pixels[..., :3]

    def with_surfaces(self, path: Path, truth: Truth) -> str:
        """Check the outline of all surfaces, seen along z with nothing behind them, against that of the labels."""
        said = self.segments("", 0)(path, truth)
        labels = truth.array("labels")
        height, width = (np.array(labels.shape[1:]) * truth.size[1:] / NM_A_PIXEL + 100).astype(int)
        with self.viewer.txn() as state:
            self.prepare(state, truth.start + np.array(labels.shape) / 2, self.colours("labels"))
            state.layout = neuroglancer.DataPanelLayout(type="3d", orthographic_projection=True)
            state.projection_scale = float(height * NM_A_PIXEL / truth.size.min())
        picture = self.picture(width, height)
        Image.fromarray(picture).save(path.with_name(f"{path.name}_surfaces.png"))
        zoom = (truth.size[1:] / NM_A_PIXEL).astype(int)
        outline = np.pad((labels > 0).any(0).repeat(zoom[0], 0).repeat(zoom[1], 1), 50)
        other = (picture.any(-1) != outline).mean() / outline.mean()
        if other > OUTLINE:
            raise Wrong(f"surfaces have another outline in {other:.0%}")
        return f"{said}; surfaces o b"

    def equivalences(self, path: Path, truth: Truth) -> str:
        """Check fragments that are put together to segments."""
        groups = json.loads(path.read_text("utf-8"))["equivalences"]
        fragments = path.with_name(truth.facts["outputs"]["fragments, precomputed"])
        return self.segments("", 0, "session", equivalences=groups)(fragments, truth)

    def affinities(self, path: Path, truth: Truth) -> str:
        _, size, store = self.show(path, "zarr2:", "image")
        return truth.check_levels("affinities", [Level(store.read().result(WAIT), size[1:])])


def compare(picture: Any, section: Any, colours: Colours) -> None:
    """Check the picture's pixel in each voxel's middle."""
    zoom = np.array(picture.shape[:2]) // section.shape
    seen = picture[zoom[0] // 2 :: zoom[0], zoom[1] // 2 :: zoom[1]]
    ids = sorted(colours)
    expected = np.array([colours[n] for n in ids])[np.searchsorted(ids, section)]
    other = (np.abs(seen.astype(int) - expected) > 2).any(-1)
    if other.any():
        raise Wrong(f"{other.mean():.0%} of a section have another colour")


def checks(viewer: Viewer) -> Mapping[str, Check]:
    return {
        "Zarr": viewer.segments("zarr2:", None),
        "affinities": viewer.affinities,
        "OME-Zarr 0.4": viewer.segments("zarr2:", -0.5),
        "OME-Zarr 0.5": viewer.segments("zarr3:", -0.5),
        "precomputed": viewer.with_surfaces,
        "precomputed, sharded": viewer.segments("", 0),
        "equivalences": viewer.equivalences,
    }


if __name__ == "__main__":
    outputs = Path(sys.argv[1])
    shown = neuroglancer.Viewer()
    with StaticFileServer(str(outputs)) as address, browser(shown):
        main("neuroglancer", checks(Viewer(shown, address, Truth(outputs))))
