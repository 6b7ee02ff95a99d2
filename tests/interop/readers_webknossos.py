"""webknossos' library: images converted to a dataset of segmentation, with the voxel size that it asks for."""

import tempfile
from collections.abc import Callable
from pathlib import Path

import webknossos
from readers_kit import Level, Truth, Unread, main


def image(name: str) -> Callable[[Path, Truth], str]:
    def check(path: Path, truth: Truth) -> str:
        with tempfile.TemporaryDirectory() as folder:
            dataset = webknossos.Dataset.from_images(
                path, Path(folder) / "dataset", tuple(truth.size[::-1]), layer_category="segmentation"
            )
            (layer,) = dataset.layers.values()
            return truth.check_levels(name, [Level(layer.get_finest_mag().read()[0].T)])

    return check


def precomputed(path: Path, truth: Truth) -> str:
    try:
        return image("labels")(path, truth)
    except IndexError as error:
        raise Unread("only where it lies at 0") from error


if __name__ == "__main__":  # it starts processes
    names = {"TIFF": "labels32", "TIFF series": "labels32"}
    for output in ("Zarr", "OME-Zarr 0.4", "OME-Zarr 0.5"):
        names[output] = "labels"
    main("webknossos", {output: image(name) for output, name in names.items()} | {"precomputed": precomputed})
