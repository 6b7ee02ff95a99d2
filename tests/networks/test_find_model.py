import hashlib

import pytest

from napari_emcad.core.errors import UserError
from napari_emcad.networks.find_model import find_model

HASH = hashlib.sha256(b"weights").hexdigest()


@pytest.mark.parametrize("name", ["a.pt", "a.ckpt", "a.pth", "a.th", "a.safetensors"])
def test_a_model_beside_the_session_is_found_by_its_hash(tmp_path, name):
    (tmp_path / "other.pt").write_bytes(b"others")
    (tmp_path / name).write_bytes(b"weights")
    assert find_model("/gone/before.pt", HASH, tmp_path / "a.emcad") == tmp_path / name


@pytest.mark.parametrize("name", ["raw.bin", "data.tar", "a.tif"])
def test_files_that_may_be_data_are_not_read(tmp_path, name):
    (tmp_path / name).write_bytes(b"weights")
    with pytest.raises(UserError, match=r"is not there any more, .* name it with --model"):
        find_model("/gone/before.pt", HASH, tmp_path / "a.emcad")


def test_a_file_that_is_named_is_the_only_one(tmp_path):
    (tmp_path / "a.pt").write_bytes(b"weights")
    (tmp_path / "b.bin").write_bytes(b"weights")
    assert find_model("a.pt", HASH, tmp_path / "a.emcad", tmp_path / "b.bin") == tmp_path / "b.bin"
    (tmp_path / "b.bin").write_bytes(b"others")
    with pytest.raises(UserError, match="this is another one"):
        find_model("a.pt", HASH, tmp_path / "a.emcad", tmp_path / "b.bin")
