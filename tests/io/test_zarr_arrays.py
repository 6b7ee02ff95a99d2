import json

import numpy as np
import pytest

from napari_emcad.io.zarr_arrays import affinity_layout, as_affinities, as_volume, create_zarr_array, label_layout


@pytest.mark.parametrize(
    ("shape", "layout", "chunks", "codec"),
    [
        ((3, 2, 600, 20), affinity_layout(), [3, 1, 512, 20], {"cname": "zstd", "clevel": 1, "shuffle": 0}),
        ((2, 9, 5), label_layout((1, 4, 8)), [1, 4, 5], {"cname": "lz4", "clevel": 3, "shuffle": 1}),
    ],
)
def test_arrays_have_format_2_and_small_chunks(tmp_path, shape, layout, chunks, codec):
    array = create_zarr_array(tmp_path / "a.zarr", shape, np.uint8, layout, {"axes": "some"})
    assert (array.shape, array[:].any(), array.attrs["axes"]) == (shape, False, "some")
    stored = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    assert (stored["zarr_format"], stored["dimension_separator"], stored["chunks"]) == (2, "/", chunks)
    assert codec.items() <= stored["compressor"].items()


def test_an_array_of_other_axes_is_refused(tmp_path):
    volume = create_zarr_array(tmp_path / "b.zarr", (2, 4, 5), np.uint8, label_layout((1, 4, 5)), {})
    assert as_volume(volume) is volume
    with pytest.raises(ValueError, match=r"a Zarr array \(channel, z, y, x\) is needed, got shape \(2, 4, 5\)"):
        as_affinities(volume)
    affinities = create_zarr_array(tmp_path / "c.zarr", (3, 2, 4, 5), np.uint8, affinity_layout(), {})
    assert as_affinities(affinities) is affinities
    with pytest.raises(ValueError, match=r"a Zarr array \(z, y, x\) is needed, got shape \(3, 2, 4, 5\)"):
        as_volume(affinities)
