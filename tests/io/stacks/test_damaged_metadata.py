"""Metadata in JSON, damaged at random with a fixed seed: voxels or one sentence, never an exception of a library."""

import json
import random

import pytest
import tensorstore as ts
import zarr
from pyramids import write_pyramid

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.stack import open_levels, open_stack, stack_names

VALUES = [
    None,
    True,
    0,
    -1,
    1.5,
    1e308,
    10**30,
    float("nan"),
    "",
    "x",
    [],
    {},
    [None],
    [0, 0, 0],
    {"a": 1},
    "../..",
    "/",
]
FILES = (".zarray", ".zattrs", ".zgroup", "zarr.json", "attributes.json", "datasource-properties.json")


def write_zarr(folder, stack, zarr_format):
    write_pyramid(folder, stack, zarr_format, chunks=(5, 24, 37))


def write_n5(folder, stack):
    data = {"dimensions": stack.T.shape, "blockSize": stack.T.shape, "dataType": "uint8"}
    spec = {"driver": "n5", "kvstore": {"driver": "file", "path": f"{(folder / 'em' / 's0').as_posix()}/"}}
    spec["metadata"] = data | {"compression": {"type": "gzip"}, "downsamplingFactors": [1, 1, 1]}
    ts.open(spec, open=True, create=True).result()[...] = stack.T
    pixels = {"unit": "nm", "dimensions": [4, 5, 40]}
    (folder / "em" / "attributes.json").write_text(json.dumps({"pixelResolution": pixels, "scales": [[1, 1, 1]]}))


def write_webknossos(folder, stack):
    zarr.create_array(folder / "color" / "1", data=stack.T[None], zarr_format=2, chunks=(1, 37, 24, 5))
    box = {"topLeft": [0, 0, 0], "width": 37, "height": 24, "depth": 5}
    mag = {"mag": [1, 1, 1], "path": "./color/1", "axisOrder": {"c": 0, "x": 1, "y": 2, "z": 3}}
    layer = {"name": "color", "category": "color", "boundingBox": box, "dataFormat": "zarr", "mags": [mag]}
    stated = {"scale": {"factor": [4, 5, 40], "unit": "nanometer"}, "dataLayers": [layer | {"elementClass": "uint8"}]}
    (folder / "datasource-properties.json").write_text(json.dumps(stated))


STORES = {
    "zarr 2": lambda folder, stack: write_zarr(folder, stack, 2),
    "zarr 3": lambda folder, stack: write_zarr(folder, stack, 3),
    "n5": write_n5,
    "webknossos": write_webknossos,
}


def places(value, place=()):
    yield place
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*place, key))


def damaged(text, rng):
    """The text with a value exchanged or taken away, or cut."""
    if rng.random() < 0.1:
        return text[: rng.randrange(len(text))]
    value = json.loads(text)
    *way, last = rng.choice([place for place in places(value) if place] or [("",)])
    inner = value
    for key in way:
        inner = inner[key]
    if not isinstance(inner, dict | list) or last == "":
        return json.dumps(rng.choice(VALUES))
    if rng.random() < 0.25:
        inner.pop(last)
    else:
        inner[last] = rng.choice(VALUES)
    return json.dumps(value)


def read_all(folder):
    """Read a little of everything; UserError is what may come of it."""
    for name in (None, *stack_names(folder)[:1]):
        with open_stack(folder, name) as opened:
            assert opened.array[0:1, :8, :8].size and opened.array.nbytes
        open_levels(folder, name)


@pytest.mark.parametrize("kind", STORES)
def test_damaged_metadata(tmp_path, stack, kind):
    folder = tmp_path / ("a.n5" if kind == "n5" else "a")
    folder.mkdir()
    STORES[kind](folder, stack)
    read_all(folder)
    rng = random.Random(0)
    files = sorted(file for file in folder.rglob("*") if file.name in FILES)
    for _ in range(16):
        file = rng.choice(files)
        whole = file.read_text()
        file.write_text(damaged(whole, rng))
        try:
            read_all(folder)
        except UserError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000
        file.write_text(whole)
