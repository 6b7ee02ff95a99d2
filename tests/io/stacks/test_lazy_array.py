import gc
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import basic_indices

from napari_emcad.core.errors import UserError
from napari_emcad.io.stacks.axes import arrange_axes
from napari_emcad.io.stacks.check_stack import NotAStack, check_stack
from napari_emcad.io.stacks.lazy_array import LazyArray, section_reader, wrap_array
from napari_emcad.io.stacks.stack_selection import StackSelection

VALUES = np.arange(5 * 6 * 7, dtype=np.uint16).reshape(5, 6, 7)


def lazy(values=VALUES, read=None, close=None):
    return LazyArray("drawn.tif", values.shape, values.dtype, read or values.__getitem__, close)


@given(basic_indices(VALUES.shape, allow_newaxis=False))
def test_reads_what_numpy_would(key):
    if any(isinstance(k, slice) and (k.step or 1) < 0 for k in (key if isinstance(key, tuple) else (key,))):
        return
    np.testing.assert_array_equal(lazy()[key], VALUES[key])


@given(st.lists(basic_indices(VALUES.shape, allow_newaxis=False, allow_ellipsis=False), max_size=3))
def test_sections_give_what_the_whole_gives(keys):
    array = lazy(read=section_reader(lambda z: VALUES[z], VALUES.shape, VALUES.dtype))
    for key in keys:
        if all(not isinstance(k, slice) or (k.step or 1) > 0 for k in (key if isinstance(key, tuple) else (key,))):
            np.testing.assert_array_equal(array[key], VALUES[key])


def test_behaves_like_an_array():
    array = lazy()
    assert (array.ndim, array.size, array.nbytes, len(array)) == (3, 210, 420, 5)
    np.testing.assert_array_equal(np.asarray(array), VALUES)
    np.testing.assert_array_equal(np.stack(list(array)), VALUES)
    assert np.asarray(array, dtype=float).dtype == float


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        ((0, 0, 0, 0), "the axes z, y, x; got 4"),
        (slice(None, None, -1), "a positive step are needed, got step -1"),
        ([0, 1], "whole numbers and slices are needed"),
        (1.5, "whole numbers and slices are needed"),
        (5, "index 5 lies outside an axis of 5"),
        ((0, -7), "index -7 lies outside an axis of 6"),
    ],
)
def test_other_keys_are_refused(key, sentence):
    with pytest.raises(IndexError, match=sentence.replace("(", r"\(")):
        lazy()[key]


def test_byte_order_of_the_file_does_not_show():
    array = lazy(VALUES.astype(">u2"))
    assert array.dtype == np.uint16
    assert array.dtype.isnative
    assert array[1].dtype.isnative
    np.testing.assert_array_equal(array[1], VALUES[1])


def test_values_can_be_changed_without_changing_the_next_read():
    array = lazy(read=section_reader(lambda z: VALUES[z].copy(), VALUES.shape, VALUES.dtype))
    array[2][:] = 0
    np.testing.assert_array_equal(array[2], VALUES[2])


def test_two_sections_are_kept_and_no_more():
    read = []
    array = lazy(read=section_reader(lambda z: read.append(z) or VALUES[z], VALUES.shape, VALUES.dtype))
    for z in (0, 1, 0, 1, 2, 0):
        array[z, :3]
    assert read == [0, 1, 2, 0]


def test_large_sections_are_not_kept(monkeypatch):
    monkeypatch.setattr("napari_emcad.io.stacks.lazy_array.KEPT_SECTION_BYTES", VALUES[0].nbytes - 1)
    read = []
    array = lazy(read=section_reader(lambda z: read.append(z) or VALUES[z], VALUES.shape, VALUES.dtype))
    assert [array[1].shape, array[1].shape] == [(6, 7)] * 2
    assert read == [1, 1]


def test_closes_once_by_hand_or_when_no_longer_used():
    closed = []
    array = lazy(close=lambda: closed.append("by hand"))
    array.close()
    array.close()
    with pytest.raises(ValueError, match=r"drawn.tif: an open stack is needed .* closed; open it again"):
        array[0]
    other = lazy(close=lambda: closed.append("unused"))
    del other
    gc.collect()
    assert closed == ["by hand", "unused"]


@pytest.mark.parametrize("damage", [OSError, ValueError, RuntimeError, zlib.error])
def test_damage_is_one_sentence(damage):
    def read(_):
        raise damage("bad chunk")

    with pytest.raises(UserError, match=r"drawn.tif: voxels 2:3,0:6,1:3 cannot be read \(bad chunk\); copy or export"):
        lazy(read=read)[2, :, 1:3]


@pytest.mark.parametrize(
    ("shape", "kind", "sentence"),
    [
        ((6, 7), NotAStack, r"a stack \(z, y, x\) is needed, got a single section of shape \(6, 7\); open a stack"),
        ((2, 5, 6, 7), NotAStack, r"a stack \(z, y, x\) is needed, got 4 axes of shape \(2, 5, 6, 7\)"),
        ((0, 6, 7), UserError, r"a stack with voxels is needed, got an empty one of shape \(0, 6, 7\)"),
    ],
)
def test_what_is_no_stack(shape, kind, sentence):
    with pytest.raises(kind, match=f"drawn.tif: {sentence}"):
        check_stack("drawn.tif", shape, np.uint8)


@pytest.mark.parametrize("dtype", [np.complex64, object, "U3", "M8[s]", [("r", "u1"), ("g", "u1")]])
def test_types_that_are_no_grey_values(dtype):
    with pytest.raises(UserError, match=r"voxels that are whole or real numbers are needed, got .*; save it as 8-bit"):
        check_stack("drawn.tif", (5, 6, 7), dtype)


@pytest.mark.parametrize("dtype", [bool, "u1", ">u2", "i4", "u8", "f2", "f8"])
def test_types_that_are(dtype):
    check_stack("drawn.tif", (5, 6, 7), dtype)


def test_an_array_with_its_axes_in_another_order():
    arrangement = arrange_axes("drawn.zarr", (2, 7, 6, 5), "cxyz", StackSelection(channel=1))
    array = wrap_array("drawn.zarr", np.stack([VALUES.T + 1, VALUES.T]), arrangement)
    np.testing.assert_array_equal(array[1:3, 2, ::3], VALUES[1:3, 2, ::3])
