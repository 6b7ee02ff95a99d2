"""Tables that are read by many threads at once: Python 3.11 fails now and then where two parse a header."""

import gc
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from napari_emcad.io.npz_files import read_npz


@pytest.fixture
def collected_often():
    """Garbage is collected all the time, and another thread has its turn meanwhile."""
    before, give_way = gc.get_threshold(), lambda *_: time.sleep(1e-5)
    gc.callbacks.append(give_way)
    gc.set_threshold(20)
    yield
    gc.set_threshold(*before)
    gc.callbacks.remove(give_way)


def test_many_threads_read_tables(tmp_path, collected_often):
    path = tmp_path / "table.npz"
    np.savez(path, **{f"column_{i}": np.arange(i + 1) for i in range(10)})
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: len(read_npz(path)), range(48)))
    assert found == [10] * 48
