import numpy as np
import pytest
from toy_crops import squares

from napari_emcad.core.errors import UserError
from napari_emcad.io.training_crops import load_crops, save_crops


def test_what_is_read_is_what_was_written(tmp_path):
    known = np.zeros((4, 72, 84), bool)
    known[:, 10:] = True
    crops = [squares(name="one"), squares((2, 40, 32), name="two"), squares(name="three, held out", known=known)]
    save_crops(tmp_path / "train", crops)
    back = load_crops(tmp_path / "train")
    assert [crop.name for crop in back] == ["one", "two", "three, held out"]
    for crop, read in zip(crops, back, strict=True):
        for name in ("raw", "labels"):
            expected, found = getattr(crop, name), getattr(read, name)
            assert found.dtype == expected.dtype
            np.testing.assert_array_equal(found, expected)
    assert [crop.known is None for crop in back] == [True, True, False]
    np.testing.assert_array_equal(back[2].known, known)


def test_no_crops_are_no_crops(tmp_path):
    save_crops(tmp_path / "held_out", [])
    assert load_crops(tmp_path / "held_out") == []


def test_a_folder_that_is_there_is_not_written(tmp_path):
    save_crops(tmp_path / "train", [squares()])
    with pytest.raises(FileExistsError):
        save_crops(tmp_path / "train", [squares()])


@pytest.mark.parametrize("content", [b"", b"no crop", b"PK\x03\x04"])
def test_a_damaged_file_is_one_sentence(tmp_path, content):
    save_crops(tmp_path / "train", [squares()])
    (tmp_path / "train" / "000.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"000\.npz: this is no crop to train with .*; start the run anew\.$"):
        load_crops(tmp_path / "train")
