import bz2
import gzip
import json
import lzma

import imagecodecs
import numpy as np
import pytest
import tensorstore as ts

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks import precomputed_chunks
from napari_emcad.io.stacks.stack import open_levels, open_stack

PACK = {
    "gz": gzip.compress,
    "br": imagecodecs.brotli_encode,
    "zstd": imagecodecs.zstd_encode,
    "xz": lzma.compress,
    "bz2": bz2.compress,
}


def save(folder, stack, kind="image", **scale):
    """A volume in chunks of 8 x 8 x 2 voxels (x, y, z), with its first voxel at (10, 20, 3)."""
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{folder.as_posix()}/"},
        "multiscale_metadata": {"type": kind, "data_type": str(stack.dtype), "num_channels": 1},
        "scale_metadata": {
            "size": stack.shape[::-1],
            "resolution": [4, 5, 40],
            "voxel_offset": [10, 20, 3],
            "encoding": "raw",
            "chunk_size": [8, 8, 2],
        }
        | scale,
    }
    ts.open(spec, open=True, create=True).result()[...] = stack.T[..., None]
    return folder


def pack(folder, ending, every=1):
    """Compress every so manieth chunk, and leave the rest as it lies."""
    files = sorted((folder / "4_5_40").iterdir())[::every]
    for file in files:
        file.with_name(f"{file.name}.{ending}").write_bytes(PACK[ending](file.read_bytes()))
        file.unlink()
    return files


@pytest.mark.parametrize("every", [1, 2])
@pytest.mark.parametrize("ending", PACK)
def test_compressed_chunks(tmp_path, stack, ending, every):
    pack(save(tmp_path / "em", stack), ending, every)
    opened = open_stack(tmp_path / "em")
    np.testing.assert_array_equal(opened.array[1:4, 5:20:2, 7], stack[1:4, 5:20:2, 7])
    np.testing.assert_array_equal(opened.array[:], stack)
    assert (opened.voxel_size, opened.offset, opened.holds, opened.notes) == ((40, 5, 4), (120, 100, 40), "image", ())


@pytest.mark.parametrize("encoding", ["compressed_segmentation", "raw"])
def test_labels_that_are_encoded_and_compressed(tmp_path, stack, encoding):
    labels = (stack // 9).astype(np.uint64) * 2**35
    block = {"compressed_segmentation_block_size": [8, 8, 2]} if encoding != "raw" else {}
    pack(save(tmp_path / "seg", labels, "segmentation", encoding=encoding, **block), "gz")
    opened = open_stack(tmp_path / "seg")
    np.testing.assert_array_equal(opened.array[:], labels)
    assert opened.holds == "labels"


def test_behind_a_url(tmp_path, stack, web):
    pack(save(tmp_path / "em", stack), "gz", 2)
    np.testing.assert_array_equal(open_stack(f"precomputed://{web}/em").array[:], stack)


def test_a_compressed_chunk_that_is_not_there_counts_as_0(tmp_path, stack):
    pack(save(tmp_path / "em", stack), "gz")
    (tmp_path / "em" / "4_5_40" / "10-18_28-36_3-5.gz").unlink()
    expected = stack.copy()
    expected[:2, 8:16, :8] = 0
    np.testing.assert_array_equal(open_stack(tmp_path / "em").array[:], expected)


def test_a_damaged_chunk_ends_in_a_sentence(tmp_path, stack):
    pack(save(tmp_path / "em", stack), "gz")
    file = tmp_path / "em" / "4_5_40" / "10-18_28-36_3-5.gz"
    for data in (file.read_bytes()[:-9], b"text", gzip.compress(b"short")):
        file.write_bytes(data)
        with (
            pytest.raises(UserError, match=r"voxels .* cannot be read") as error,
            open_stack(tmp_path / "em") as opened,
        ):
            opened.array[:]
        assert "\n" not in str(error.value)


def test_chunks_are_forgotten_and_read_again(tmp_path, stack, monkeypatch):
    monkeypatch.setattr(precomputed_chunks, "_KEPT_BYTES", 300)
    pack(save(tmp_path / "em", stack), "gz")
    array = open_stack(tmp_path / "em").array
    for z in (0, 4, 2, 0, 1, 4):
        np.testing.assert_array_equal(array[z], stack[z])
    np.testing.assert_array_equal(array[:], stack)


@pytest.mark.parametrize("is_gone", [True, False])
def test_an_image_without_a_chunk_is_refused(tmp_path, stack, web, is_gone):
    save(tmp_path / "em", stack)
    for file in (tmp_path / "em" / "4_5_40").iterdir():
        file.unlink()
    if is_gone:
        (tmp_path / "em" / "4_5_40").rmdir()
    with pytest.raises(UserError, match="em, 4_5_40: none of its chunks is there, only 0 would be read"):
        open_stack(tmp_path / "em")
    assert "none of the chunks" in open_stack(f"precomputed://{web}/em").notes[0]


def test_labels_without_a_chunk_are_0(tmp_path, stack):
    opened = open_stack(save(tmp_path / "seg", stack * np.uint64(0), "segmentation"))
    assert (opened.array[:].max(), opened.holds) == (0, "labels")
    assert "none of the chunks" in opened.notes[0]


def test_shards(tmp_path, stack):
    sharding = {"@type": "neuroglancer_uint64_sharded_v1", "preshift_bits": 1, "minishard_bits": 1, "shard_bits": 1}
    save(tmp_path / "em", stack, sharding=sharding | {"hash": "identity", "data_encoding": "gzip"})
    np.testing.assert_array_equal(open_stack(tmp_path / "em").array[:], stack)


def test_levels_of_which_one_is_compressed(tmp_path, stack):
    pack(save(tmp_path / "em", stack), "gz")
    save(tmp_path / "em", stack[:, ::2, ::2], resolution=[8, 10, 40], voxel_offset=[5, 10, 3])
    fine, coarse = open_levels(tmp_path / "em")
    np.testing.assert_array_equal(fine.array[:], stack)
    np.testing.assert_array_equal(coarse.array[:], stack[:, ::2, ::2])


def test_damaged_metadata_is_one_sentence(tmp_path, stack):
    pack(save(tmp_path / "em", stack), "gz", 2)
    path, rng = tmp_path / "em" / "info", np.random.default_rng(0)
    whole = path.read_bytes()
    texts = [json.dumps({"scales": scales}) for scales in ([], {}, None, 1, [None], [{}], [{"key": 1}])]
    for number in range(150):
        data = bytearray(whole)
        for place in rng.integers(0, len(data), 2):
            data[place] = rng.integers(32, 127)
        path.write_bytes(texts[number].encode() if number < len(texts) else bytes(data))
        try:
            with open_stack(tmp_path / "em") as opened:
                opened.array[0, :8, :8]
            open_levels(tmp_path / "em")
        except UserError as error:
            assert "\n" not in str(error)
