import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_emcad.core.ids import as_ids, file_dtype, id_dtype, memory_dtype, order_of_pairs

LAST = 2**32 - 1
"""The largest id of 4 bytes."""


def columns(largest: int):
    return arrays(np.int64, (2, 40), elements=st.integers(max(0, largest - 3), largest))


@pytest.mark.parametrize(("largest", "dtype"), [(0, np.uint32), (LAST, np.uint32), (LAST + 1, np.int64)])
def test_ids_have_8_bytes_where_4_do_not_suffice(largest, dtype):
    assert id_dtype(largest) is dtype
    assert as_ids([3, largest]).dtype == dtype and as_ids([3, largest]).tolist() == [3, largest]


def test_no_ids_have_4_bytes():
    assert as_ids([]).dtype == np.uint32 and as_ids([]).shape == (0,)


@pytest.mark.parametrize(("memory", "file"), [(np.uint16, np.uint16), (np.uint32, np.uint32), (np.int64, np.uint64)])
def test_files_have_no_signs(memory, file):
    assert file_dtype(memory) == file and memory_dtype(file) == memory


@given(st.sampled_from([7, 2**20, LAST, LAST + 1, 2**40]).flatmap(columns))
def test_pairs_are_in_the_order_of_the_one_and_the_other(pairs):
    one, other = map(as_ids, pairs)
    expected = sorted(range(pairs.shape[1]), key=lambda i: (pairs[0, i], pairs[1, i]))
    assert order_of_pairs(one, other).tolist() == expected
