"""What is imported when: a library is loaded where it is used, and costs nothing where it is not."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

EXTRAS = {
    *("hdf5plugin", "nibabel", "nrrd", "tensorstore", "wkw", "trimesh", "pyarrow", "safetensors"),
    *("distributed", "dask", "openvino", "onnxruntime", "onnxscript", "mrcfile"),
}
"""Modules of the optional extras."""

HEAVY = {"torch", "napari", "scipy", "skimage", "qtpy", "vispy"}
"""Modules that take long to import."""


def imported(code: str, *arguments: object) -> set[str]:
    """Return the libraries that a program of this code has imported at its end."""
    program = f"{code}\nimport sys; print('IMPORTED', *{{name.partition('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", program, *map(str, arguments)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
    return set(ended.stdout.partition("IMPORTED ")[2].split())


@pytest.mark.parametrize(
    ("module", "without"),
    [
        ("napari_emcad", EXTRAS | HEAVY | {"numpy", "pydantic", "zarr", "h5py", "tifffile", "pint"}),
        ("napari_emcad.cli.main", EXTRAS | HEAVY | {"numpy", "zarr", "h5py", "tifffile", "pint"}),
        ("napari_emcad.io.stacks.stack", EXTRAS | HEAVY | {"pint"}),
        ("napari_emcad.reader", EXTRAS | HEAVY | {"pint"}),
        ("napari_emcad.networks.zoo", EXTRAS | HEAVY),
        ("napari_emcad.networks.checkpoint", EXTRAS | HEAVY - {"torch"}),
    ],
)
def test_a_module_brings_in_what_it_needs_and_no_more(module, without):
    assert not imported(f"import {module}") & without


@pytest.fixture
def tiff(tmp_path) -> Path:
    stated = {"imagej": True, "resolution": (100, 100), "metadata": {"spacing": 0.04, "unit": "um"}}
    tifffile.imwrite(tmp_path / "a.tif", np.arange(480, dtype=np.uint8).reshape(4, 10, 12), **stated)
    return tmp_path / "a.tif"


def test_opening_a_tiff_needs_no_extra(tiff):
    code = "import sys; from napari_emcad.io.stacks.stack import open_stack; print(open_stack(sys.argv[1]).voxel_size)"
    assert not imported(code, tiff) & (EXTRAS | HEAVY)


def test_a_tiff_in_the_viewer_needs_no_extra(tiff):
    code = "import sys; from napari_emcad.reader import get_reader; get_reader(sys.argv[1])(sys.argv[1])"
    assert not imported(code, tiff) & (EXTRAS | HEAVY)


def test_help_needs_no_extra():
    code = "from napari_emcad.cli.main import main\ntry: main(['segment', '--help'])\nexcept SystemExit: pass"
    assert not imported(code) & (EXTRAS | HEAVY | {"numpy"})
