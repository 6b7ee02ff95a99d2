"""Labels that stay in their files are, to who reads and writes them, an array in memory."""

import json
from concurrent.futures import ThreadPoolExecutor
from math import prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_emcad.core.errors import UserError
from napari_emcad.io.labels import chunked as chunked_labels
from napari_emcad.io.labels.chunked import ChunkedLabels
from napari_emcad.io.labels.zarr_array import create_labels_array

patient = settings(deadline=None)

SHAPE, CHUNKS = (5, 23, 30), (2, 8, 7)


def in_files(folder, values):
    create_labels_array(folder, values.shape, values.dtype, None, CHUNKS)[:] = values
    return folder


@pytest.fixture(scope="module")
def values():
    return np.random.default_rng(0).integers(1, 1000, SHAPE, np.uint32)


@pytest.fixture(scope="module")
def folders(values, tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    levels = [values, values[:, ::2, ::2], values[:, ::4, ::4]]
    return [in_files(folder / f"{k}.zarr", level) for k, level in enumerate(levels)]


@pytest.fixture
def labels(folders):
    return opened(folders)


def opened(folders, is_full=False):
    found = None
    for folder in reversed(folders):
        found = ChunkedLabels(folder, is_full, found)
    return found


def a_slice(length):
    ends = st.integers(0, length)
    return st.builds(slice, ends, ends, st.integers(1, 9))


def a_key(length):
    return st.one_of(st.integers(-length, length - 1), a_slice(length), st.just(slice(None)))


@patient
@given(st.tuples(*map(a_key, SHAPE)))
def test_any_part_is_read_as_of_an_array(folders, values, key):
    found = opened(folders)[key]
    np.testing.assert_array_equal(found, values[key])
    assert found.dtype == np.uint32


@patient
@given(st.lists(st.tuples(*(st.integers(0, n - 1) for n in SHAPE)), max_size=20))
def test_voxels_are_read_as_of_an_array(folders, values, voxels):
    key = tuple(np.array(voxels, np.int64).reshape(-1, 3).T)
    np.testing.assert_array_equal(opened(folders)[key], values[key])


@patient
@given(st.tuples(*(st.tuples(st.integers(0, n), st.integers(0, n)).map(sorted) for n in SHAPE)))
def test_what_is_written_is_seen_in_all_levels_and_the_files_stay(folders, values, ends):
    labels, key = opened(folders), tuple(slice(*e) for e in ends)
    expected, new = values.copy(), np.arange(prod(SHAPE), dtype=np.uint32).reshape(SHAPE)[key]
    expected[key] = new
    labels[key] = new
    for k, level in enumerate(labels.levels):
        np.testing.assert_array_equal(level[:], expected[:, :: 2**k, :: 2**k])
    np.testing.assert_array_equal(opened(folders)[:], values)


def test_a_chunk_is_read_once_as_long_as_it_is_kept(folders, monkeypatch):
    monkeypatch.setattr(chunked_labels, "KEPT_BYTES", 2 * prod(CHUNKS) * 4)
    labels = opened(folders)
    for _ in range(3):
        labels[0, 0, 0], labels[1, :8, 7:14]
    assert labels._decoded.cache_info().misses == 2
    labels[:], labels[0, 0, 0]
    assert labels._decoded.cache_info().currsize == 2


def test_threads_read_what_is_there(labels, values):
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda z: labels[z % SHAPE[0]], range(200)))
    for z, section in enumerate(found):
        np.testing.assert_array_equal(section, values[z % SHAPE[0]])


def test_what_was_read_cannot_be_changed_by_mistake(labels, values):
    labels[0][:] = 0
    labels[0:1, 0:8, 0:7][:] = 0
    np.testing.assert_array_equal(labels[:], values)


def test_a_missing_chunk_is_an_error_if_every_voxel_has_a_label(tmp_path, values):
    folder = in_files(tmp_path / "a.zarr", np.where(np.arange(30) < 7, 0, values))
    assert not ChunkedLabels(folder, is_full=False)[0, 0, 0]
    full = ChunkedLabels(folder, is_full=True)
    np.testing.assert_array_equal(full[0, :, 7:], values[0, :, 7:])
    with pytest.raises(UserError, match=r"a\.zarr/0/0/0: cannot be read \(.*No such file.*copy the session again"):
        full[0, 0, 0]
    with pytest.raises(UserError, match=r"a\.zarr/0/0/0: cannot be read"):
        full[np.array([3, 0]), np.array([9, 0]), np.array([9, 0])]


def test_a_damaged_chunk_is_one_sentence(tmp_path, values):
    folder = in_files(tmp_path / "a.zarr", values)
    (folder / "0" / "0" / "0").write_bytes(b"nothing that blosc knows")
    labels = ChunkedLabels(folder, is_full=False)
    np.testing.assert_array_equal(labels[2:], values[2:])
    with pytest.raises(UserError, match=r"a\.zarr/0/0/0: cannot be read.*copy the session again"):
        labels[0]


def test_a_chunk_that_claims_more_than_it_can_hold_takes_no_memory(tmp_path, values):
    folder = in_files(tmp_path / "a.zarr", values)
    chunk = folder / "0" / "0" / "0"
    content = bytearray(chunk.read_bytes())
    content[4:8] = (1 << 30).to_bytes(4, "little")
    chunk.write_bytes(content)
    with pytest.raises(UserError, match=r"0: cannot be read \(a chunk unpacks to more than [\d,]+ bytes"):
        ChunkedLabels(folder, is_full=False)[0, 0, 0]


def test_labels_whose_chunks_are_larger_than_memory_are_refused(tmp_path, values):
    folder = in_files(tmp_path / "a.zarr", values)
    described = folder / ".zarray"
    described.write_text(json.dumps(json.loads(described.read_text()) | {"chunks": [10**4, 10**4, 10**4]}))
    with pytest.raises(UserError, match=r"chunks of at most 2.1 GB are needed"):
        ChunkedLabels(folder, is_full=False)
