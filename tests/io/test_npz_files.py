import io
import zipfile

import numpy as np
import pytest

from napari_emcad.io.npz_files import read_npz
from napari_emcad.io.read_errors import TABLE_ERRORS


def header(shape, dtype="<f8"):
    buffer = io.BytesIO()
    np.lib.format.write_array_header_1_0(buffer, {"descr": dtype, "fortran_order": False, "shape": shape})
    return buffer.getvalue()


def write(path, packed=zipfile.ZIP_STORED, **files):
    with zipfile.ZipFile(path, "w", packed) as archive:
        for name, content in files.items():
            archive.writestr(f"{name}.npy", content)


def test_what_is_written_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", ids=np.arange(5), name=np.array("a"), none=np.zeros((0, 3)))
    found = read_npz(tmp_path / "a.npz")
    assert found["ids"].tolist() == [0, 1, 2, 3, 4]
    assert (found["none"].shape, str(found["name"])) == ((0, 3), "a")


@pytest.mark.parametrize("shape", [(10**9,), (10**6, 10**6), (-1,), (3, -4)])
def test_an_array_that_is_not_in_its_file_takes_no_memory(tmp_path, monkeypatch, shape):
    write(tmp_path / "a.npz", ids=header(shape) + bytes(80))
    monkeypatch.setattr(np, "load", None)
    with pytest.raises(ValueError, match=r"ids.npy: shape .* in \d+ bytes"):
        read_npz(tmp_path / "a.npz")


def test_what_unpacks_to_much_more_than_it_is_is_not_unpacked(tmp_path):
    write(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, ids=header((1 << 20,)) + bytes(1 << 23))
    with pytest.raises(ValueError, match=r"unpacks to 8 MB from 1 MB, which no weights or tables do"):
        read_npz(tmp_path / "a.npz")


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\x03\x04" + bytes(100), b"no archive" * 50])
def test_what_is_no_archive_is_an_error_that_is_foreseen(tmp_path, content):
    (tmp_path / "a.npz").write_bytes(content)
    with pytest.raises(TABLE_ERRORS):
        read_npz(tmp_path / "a.npz")
