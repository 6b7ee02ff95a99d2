import json
import sys

import numpy as np
import pytest
import tensorstore as ts

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.check_stack import NotAStack
from napari_emcad.io.stacks.stack import open_levels, open_stack, stack_names


def save(folder, stack, step=1, channels=1, kind="image"):
    """A scale of a volume with its first voxel at (z, y, x) = (3, 20, 10), (3, 10, 5) where every second is taken."""
    values = stack[:, ::step, ::step].T
    scale = {"size": values.shape, "resolution": [4 * step, 5 * step, 40], "voxel_offset": [10 // step, 20 // step, 3]}
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{folder.as_posix()}/"},
        "multiscale_metadata": {"type": kind, "data_type": str(stack.dtype), "num_channels": channels},
        "scale_metadata": scale | {"encoding": "raw", "chunk_size": [8, 8, 2]},
    }
    ts.open(spec, open=True, create=True).result()[...] = values[..., None]


@pytest.fixture
def volume(tmp_path, stack):
    save(tmp_path / "em", stack)
    save(tmp_path / "em", stack, step=2)
    return tmp_path / "em"


def test_a_folder(volume, stack):
    opened = open_stack(volume)
    assert (opened.array.shape, opened.array.dtype, opened.dataset) == ((5, 24, 37), np.uint8, "4_5_40")
    assert (opened.voxel_size, opened.offset) == ((40, 5, 4), (120, 100, 40))
    np.testing.assert_array_equal(opened.array[1:3, ::2, 4], stack[1:3, ::2, 4])
    np.testing.assert_array_equal(opened.array[:], stack)


def test_a_url(volume, stack, web):
    opened = open_stack(f"precomputed://{web}/em")
    assert (str(opened.path), opened.path.stem) == (f"precomputed://{web}/em", "em")
    np.testing.assert_array_equal(opened.array[:], stack)


def test_the_levels_lie_on_each_other(volume, stack, web):
    """The middle of a coarse voxel is half a fine voxel further than that of the first fine one in it."""
    for where in (volume, f"precomputed://{web}/em"):
        fine, coarse = open_levels(where)
        assert (coarse.dataset, coarse.array.shape, coarse.voxel_size) == ("8_10_40", (5, 12, 19), (40, 10, 8))
        assert (fine.offset, coarse.offset) == ((120, 100, 40), (120, 102.5, 42))
        np.testing.assert_array_equal(coarse.array[3, 2:4], stack[3, 4:8:2, ::2])


def test_a_scale_by_its_key(volume):
    assert open_stack(volume, "8_10_40").voxel_size == (40, 10, 8)
    with pytest.raises(UserError, match='em: there is no scale "1" in it; choose from 4_5_40, 8_10_40'):
        open_stack(volume, "1")


def test_one_scale_is_no_pyramid(tmp_path, stack):
    save(tmp_path / "em", stack)
    assert (open_levels(tmp_path / "em"), stack_names(tmp_path / "em")) == ([], [])


def test_labels(tmp_path, stack):
    save(tmp_path / "seg", stack.astype(np.uint64) * 2**35, kind="segmentation")
    np.testing.assert_array_equal(open_stack(tmp_path / "seg").array[4], stack[4].astype(np.uint64) * 2**35)


@pytest.mark.parametrize(("kind", "other"), [("image", "raw"), ("segmentation", "compressed_segmentation")])
def test_an_encoding_that_is_not_read_is_named(tmp_path, stack, kind, other):
    save(tmp_path / "a", stack.astype("u4"), kind=kind)
    info = json.loads((tmp_path / "a" / "info").read_text())
    info["scales"][0]["encoding"] = "crackle"
    (tmp_path / "a" / "info").write_text(json.dumps(info))
    with pytest.raises(
        UserError, match=f'its chunks are encoded as "crackle", which is not read; .* --encoding {other}'
    ):
        open_stack(tmp_path / "a")


def test_channels_are_refused(tmp_path, stack):
    save(tmp_path / "em", stack, channels=3)
    with pytest.raises(NotAStack, match="4_5_40: one channel is needed, and it has 3; choose one with --channel 0"):
        open_stack(tmp_path / "em")


def test_the_fingerprint_tells_other_voxels(volume, stack):
    before = open_stack(volume).fingerprint
    assert open_stack(volume).fingerprint == before
    save(volume, stack // 2)
    after = open_stack(volume).fingerprint
    assert before.split()[1:] == after.split()[1:]
    assert before.split()[0] != after.split()[0]


def test_a_chunk_that_is_not_there_counts_as_0(volume, stack):
    (volume / "4_5_40" / "10-18_28-36_3-5").unlink()
    expected = stack.copy()
    expected[:2, 8:16, :8] = 0
    np.testing.assert_array_equal(open_stack(volume).array[:], expected)


def test_a_damaged_chunk(volume, stack):
    array = open_stack(volume).array
    (volume / "4_5_40" / "10-18_28-36_3-5").write_bytes(b"damaged")
    np.testing.assert_array_equal(array[2], stack[2])
    with pytest.raises(UserError, match=r"em, 4_5_40: voxels 1:2,0:24,0:37 cannot be read \(.+\); copy or export"):
        array[1]


def test_damaged_metadata(volume, web):
    (volume / "info").write_text('{"scales": [{}')
    with pytest.raises(UserError, match=r"em: the precomputed volume cannot be read \(.+\); check the address"):
        open_stack(f"precomputed://{web}/em")
    (volume / "info").write_text('{"scales": [{"key": "4_5_40"}]}')
    with pytest.raises(
        UserError, match=r"em: the precomputed volume cannot be read \(.+\); check the address"
    ) as caught:
        open_stack(volume)
    assert "tensorstore_spec" not in str(caught.value)


def test_nothing_at_the_address(volume, web):
    with pytest.raises(UserError, match='none: a precomputed volume is needed, but "info" is not there; check the add'):
        open_stack(f"precomputed://{web}/none")


@pytest.mark.parametrize("host", ["http://127.0.0.1:{}", "eels://pond"])
def test_nobody_answers(host, closed_port):
    url = f"precomputed://{host.format(closed_port)}/em"
    with pytest.raises(UserError, match=rf"^{url}: the precomputed volume cannot be read \(.+\); check the address"):
        open_stack(url)


def test_without_the_extra(volume, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorstore", None)
    sentence = r'needs? an extra that is not installed; python -m pip install "napari-emcad\[precomputed\]"\.$'
    with pytest.raises(UserError, match=sentence):
        open_stack(volume)
