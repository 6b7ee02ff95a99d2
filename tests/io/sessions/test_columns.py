import numpy as np
import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.io.sessions.columns import read_columns, write_columns

COLUMNS = {"u": np.arange(7, dtype=np.uint32), "mean": np.linspace(0, 1, 5, dtype=np.float32)}


def assert_read(folder):
    found = read_columns(folder, ("u", "mean"))
    assert list(found) == ["u", "mean"]
    for name, column in COLUMNS.items():
        np.testing.assert_array_equal(found[name], column)
        assert found[name].dtype == column.dtype
    return found


def test_columns_are_mapped(tmp_path):
    write_columns(tmp_path / "graph", COLUMNS)
    assert sorted(file.name for file in (tmp_path / "graph").iterdir()) == ["checksums.json", "mean.npy", "u.npy"]
    assert all(isinstance(column.base, np.memmap) for column in assert_read(tmp_path / "graph").values())


def test_a_table_of_an_earlier_version(tmp_path):
    np.savez(tmp_path / "graph.npz", **COLUMNS)
    assert_read(tmp_path / "graph")


def test_a_folder_comes_before_an_earlier_table(tmp_path):
    np.savez(tmp_path / "graph.npz", u=np.zeros(1), mean=np.zeros(1))
    write_columns(tmp_path / "graph", COLUMNS)
    assert_read(tmp_path / "graph")


@pytest.mark.parametrize("content", [None, b"", b"no table"])
@pytest.mark.parametrize("name", ["graph/u.npy", "graph.npz"])
def test_a_damaged_table_is_one_sentence(tmp_path, name, content):
    if name == "graph/u.npy":
        write_columns(tmp_path / "graph", COLUMNS)
        (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=r"graph(\.npz)?: missing or damaged; copy the session again"):
        read_columns(tmp_path / "graph", ("u", "mean"))


@pytest.mark.parametrize("name", ["u", "mean"])
def test_a_changed_byte_is_told_wherever_it_is(tmp_path, name):
    write_columns(tmp_path / "graph", COLUMNS)
    file = tmp_path / "graph" / f"{name}.npy"
    whole = file.read_bytes()
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(UserError, match="graph: missing or damaged"):
            read_columns(tmp_path / "graph", ("u", "mean"))


@pytest.mark.parametrize("content", [b"{", b"{}", b"[]", b'{"u.npy": 0, "mean.npy": 0}'])
def test_checksums_that_are_damaged_are_told(tmp_path, content):
    write_columns(tmp_path / "graph", COLUMNS)
    (tmp_path / "graph" / "checksums.json").write_bytes(content)
    with pytest.raises(UserError, match="graph: missing or damaged"):
        read_columns(tmp_path / "graph", ("u", "mean"))


def test_tables_without_checksums_are_read(tmp_path, monkeypatch):
    """Those of earlier versions; large ones are mapped, and not read through."""
    write_columns(tmp_path / "graph", COLUMNS)
    (tmp_path / "graph" / "checksums.json").unlink()
    assert_read(tmp_path / "graph")
    write_columns(tmp_path / "graph", COLUMNS)
    monkeypatch.setattr("napari_emcad.io.sessions.columns.CHECKED_BYTES", 100)
    monkeypatch.setattr("napari_emcad.io.sessions.columns._compare", None)
    assert_read(tmp_path / "graph")
