import errno
import json

import numpy as np
import pytest
import zarr
import zarr.storage

from napari_emcad.core.affinities import NEAREST
from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.io.affinities import new_affinities, open_affinities
from napari_emcad.io.labels.provenance import read_provenance

SIZE = VoxelSize(40, 5, 4)


def noise(shape=(5, 24, 37)):
    return np.random.default_rng(3).integers(0, 256, (3, *shape), dtype=np.uint8)


def save(path, values, provenance=None):
    with new_affinities(path, values.shape[1:], SIZE, provenance or {}) as array:
        for z in range(values.shape[1]):
            array[:, z] = values[:, z]


def test_round_trip(tmp_path):
    save(tmp_path / "a.zarr", noise(), {"model": "bundled", "threshold": 0.3})
    opened = open_affinities(tmp_path / "a.zarr")
    assert (opened.values.dtype, opened.values.shape, opened.offsets) == (np.uint8, (3, 5, 24, 37), NEAREST)
    np.testing.assert_array_equal(opened.values[:], noise())
    assert opened.values.attrs["voxel_size_nm"] == [40, 5, 4]
    assert opened.values.attrs["axes"] == ["c", "z", "y", "x"]
    assert read_provenance(tmp_path / "a.zarr") == {"model": "bundled", "threshold": 0.3}
    assert [f.name for f in tmp_path.iterdir()] == ["a.zarr"]


def test_size_and_place_are_stated_as_other_programs_read_them(tmp_path):
    with new_affinities(tmp_path / "a.zarr", (5, 24, 37), SIZE, {}, (3, 16, 32)):
        pass
    stated = dict(open_affinities(tmp_path / "a.zarr").values.attrs)
    assert (stated["voxel_size"], stated["resolution"]) == ([40, 5, 4], [40, 5, 4])
    assert (stated["offset"], stated["units"]) == ([120, 80, 128], ["nm"] * 3)
    assert stated["axis_names"] == stated["_ARRAY_DIMENSIONS"] == ["c^", "z", "y", "x"]
    assert stated["dimension_units"] == ["", "40 nm", "5 nm", "4 nm"]


def test_a_chunk_is_a_piece_of_one_section_in_format_2(tmp_path):
    save(tmp_path / "a.zarr", noise((3, 600, 20)))
    stored = json.loads((tmp_path / "a.zarr" / ".zarray").read_text())
    assert (stored["zarr_format"], stored["chunks"], stored["dimension_separator"]) == (2, [3, 1, 512, 20], "/")
    assert (tmp_path / "a.zarr" / "0" / "2" / "1" / "0").is_file()


def test_it_can_be_read_while_it_is_written_and_is_zero_at_first(tmp_path):
    values = noise()
    with new_affinities(tmp_path / "a.zarr", values.shape[1:], None, {}) as array:
        array[:, 1] = values[:, 1]
        np.testing.assert_array_equal(array[:, 1, 3:5], values[:, 1, 3:5])
        assert not array[:, 2].any()
        assert not (tmp_path / "a.zarr").exists()
    assert open_affinities(tmp_path / "a.zarr").values.attrs["voxel_size_nm"] is None


def test_older_affinities_are_replaced_at_the_end(tmp_path):
    save(tmp_path / "a.zarr", noise())
    save(tmp_path / "a.zarr", noise((2, 6, 7)))
    np.testing.assert_array_equal(open_affinities(tmp_path / "a.zarr").values[:], noise((2, 6, 7)))
    assert [f.name for f in tmp_path.iterdir()] == ["a.zarr"]


@pytest.mark.parametrize("existing", [True, False])
@pytest.mark.parametrize("end", [RuntimeError, GeneratorExit])
def test_a_failure_or_cancelling_leaves_what_was_there(tmp_path, existing, end):
    if existing:
        save(tmp_path / "a.zarr", noise())
    with pytest.raises(end), new_affinities(tmp_path / "a.zarr", (2, 6, 7), SIZE, {}) as array:
        array[:] = 7
        raise end
    assert [f.name for f in tmp_path.iterdir()] == ["a.zarr"] * existing
    if existing:
        np.testing.assert_array_equal(open_affinities(tmp_path / "a.zarr").values[:], noise())


def test_what_is_not_ours_is_never_replaced(tmp_path, stack):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "file.zarr").write_text("text")
    zarr.create_array(tmp_path / "raw.zarr", data=stack)
    for name in ("thesis", "file.zarr", "raw.zarr"):
        with (
            pytest.raises(UserError, match=rf"{name}: this name is taken by something that is not affinities"),
            new_affinities(tmp_path / name, (2, 6, 7), SIZE, {}),
        ):
            pytest.fail("no work should have begun")
        with pytest.raises(UserError, match=rf"{name}: affinities \(3, z, y, x\) are needed, and there are none"):
            open_affinities(tmp_path / name)
    assert (tmp_path / "thesis").is_dir()


def test_a_missing_folder(tmp_path):
    with (
        pytest.raises(UserError, match=r"the folder .*none does not exist; create it or choose another"),
        new_affinities(tmp_path / "none" / "a.zarr", (2, 6, 7), SIZE, {}),
    ):
        pytest.fail("no work should have begun")


def test_a_full_disk(small_disk):
    """Noise of 2.2 MB does not fit on 1 MB; the older affinities there do."""
    save(small_disk / "a.zarr", noise())
    with pytest.raises(UserError, match=r"a\.zarr: disk full, about 3 MB are needed; nothing was written, make room"):
        save(small_disk / "a.zarr", noise((8, 300, 300)))
    assert [f.name for f in small_disk.iterdir()] == ["a.zarr"]
    np.testing.assert_array_equal(open_affinities(small_disk / "a.zarr").values[:], noise())


def test_a_disk_that_is_full_from_the_start(tmp_path, monkeypatch):
    async def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(zarr.storage.LocalStore, "set", full)
    with pytest.raises(UserError, match="disk full, about 1 MB are needed"):
        save(tmp_path / "a.zarr", noise())
    assert not list(tmp_path.iterdir())
