import io
import os
import pickle
import random
import tarfile
import zipfile

import numpy as np
import pytest
import torch

from napari_emcad.core.errors import UserError
from napari_emcad.networks.weights_file import read_weights

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.tensor([7.0, -8.0])}


def saved(payload: object, legacy: bool = False, **options) -> bytes:
    buffer = io.BytesIO()
    torch.save(payload, buffer, _use_new_zipfile_serialization=not legacy, **options)
    return buffer.getvalue()


def zipped(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("storages"))
    return buffer.getvalue()


class Hostile:
    """Makes a folder when it is unpickled."""

    def __init__(self, folder):
        self.folder = str(folder)

    def __reduce__(self):
        return os.mkdir, (self.folder,)


@pytest.fixture
def file(tmp_path):
    def write(content: bytes):
        path = tmp_path / "odd.ckpt"
        path.write_bytes(content)
        return path

    return write


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize(
    ("payload", "iteration"),
    [
        (WEIGHTS, None),
        ({"model_weights": WEIGHTS, "current_iter": 7, "valid_result": None}, 7),
        ({"model_weights": {f"module.{k}": v for k, v in WEIGHTS.items()}, "current_iter": 0}, 0),
        ({"epoch": 3, "state_dict": {f"module.{k}": v for k, v in WEIGHTS.items()}, "optimizer": {}}, None),
    ],
)
def test_the_forms_that_are_read(file, payload, iteration, legacy):
    read = read_weights(file(saved(payload, legacy)))
    assert list(read.weights) == list(WEIGHTS)
    assert all(torch.equal(read.weights[name], WEIGHTS[name]) for name in WEIGHTS)
    assert read.iteration == iteration


def test_the_hash_is_checked_before_anything_is_read(file):
    path = file(saved(WEIGHTS))
    good = read_weights(path).sha256
    assert read_weights(path, good).sha256 == good
    path.write_bytes(b"no torch file any more")
    with pytest.raises(UserError, match=rf"odd.ckpt was changed after its card .*{good[:12]}\.\.\. is needed"):
        read_weights(path, good)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is empty; "),
        (b"PK", "is cut off; "),
        (saved(WEIGHTS)[:700], "is cut off; "),
        (saved(WEIGHTS)[:-30], "is cut off; "),
        (saved(WEIGHTS, legacy=True)[:9], "is cut off; "),
        (saved(WEIGHTS, legacy=True)[:300], "is cut off or damaged; "),
        (saved(WEIGHTS, legacy=True)[:-5], "is cut off or damaged; "),
        (b"# Notes\nclass A\nto be \xc3\xa4ndert\n" * 9, "is a text file; "),
        (b"class A\nto be\n" * 9, "is a text file; "),
        (b"x" * 4095 + "ä".encode(), "is a text file; "),
        (b'{"epochs": 3}', "is a text file; "),
        (zipped(**{"word/document.xml": b"<w/>"}), "is a zip archive but no file of torch.save; "),
        (zipped(**{"a.npy": b"\x93NUMPY"}), "is a zip archive but no file of torch.save; "),
        (zipped(**{"archive/data.pkl": b"\x80\x02N."}), "is cut off or damaged; "),
        (
            zipped(**{"a/data.pkl": b"\x80\x02N.", "a/constants.pkl": b"\x80\x02)."}),
            "holds a TorchScript program instead of weights and was not opened; ",
        ),
        (tarred(), "is no file of torch.save; "),
        (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is no file of torch.save; "),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "is no file of torch.save; "),
        (pickle.dumps({"a": 1}), "is no file of torch.save; "),
        (saved([1, 2]), "holds a list; a state dict is needed"),
        (saved(torch.ones(3)), "holds a Tensor; a state dict is needed"),
        (saved({}), "it holds nothing; "),
        (saved({"model_weights": {}}), "it holds nothing; "),
        (
            saved({"student": {}, "mean": {}, "optimiser": {}, "step": 1}),
            "it holds student, mean, optimiser and 1 more; ",
        ),
        (saved({"model_weights": {"a": 1}}), "it holds a; "),
        (saved({3: torch.ones(2)}), "it holds 3; "),
        (saved({**WEIGHTS, "b": torch.tensor([1.0, torch.nan])}), "b in .* holds values that are not finite"),
        (saved({**WEIGHTS, "b": torch.tensor(-torch.inf)}), "b in .* holds values that are not finite"),
        (saved({"b": torch.eye(3).to_sparse()}), "b in .* is not a plain array"),
        (saved({"b": torch.empty(3, device="meta")}), "b in .* is not a plain array"),
        (saved({"b": torch.ones(1).expand(10**12)}), "b in .* is not a plain array"),
    ],
    ids=range(31),
)
def test_what_is_no_checkpoint_is_told_in_one_sentence(file, content, says):
    with pytest.raises(UserError, match=rf"^checkpoint: .*{says}.*\.$") as error:
        read_weights(file(content))
    assert "odd.ckpt" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("protocol", range(6))
def test_a_hostile_pickle_is_not_opened(file, tmp_path, protocol):
    path = file(pickle.dumps({"model_weights": Hostile(tmp_path / "hacked")}, protocol=protocol))
    with pytest.raises(UserError, match=r"holds code instead of weights \(\w+\.mkdir\) and was not opened; only a"):
        read_weights(path)
    assert not (tmp_path / "hacked").exists()


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("protocol", [2, 4])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol 4")
def test_a_hostile_torch_file_is_not_opened(file, tmp_path, legacy, protocol):
    payload = {"model_weights": {**WEIGHTS, "b": Hostile(tmp_path / "hacked")}}
    content = saved(payload, legacy=legacy, pickle_protocol=protocol)
    with pytest.raises(UserError, match=r"holds code instead of weights \(\w+\.mkdir\) and was not opened; only a"):
        read_weights(file(content))
    assert not (tmp_path / "hacked").exists()


def test_a_whole_module_is_code(file):
    with pytest.raises(UserError, match=r"holds code instead of weights \(torch.nn.modules.linear.Linear\)"):
        read_weights(file(saved(torch.nn.Linear(2, 2))))


def test_objects_of_other_libraries_are_named(file):
    with pytest.raises(UserError, match=r"holds code instead of weights \(numpy\."):
        read_weights(file(saved({"model_weights": WEIGHTS, "valid_result": np.float64(0.5)})))


def test_a_folder_and_a_missing_file(tmp_path):
    with pytest.raises(UserError, match=r"is a folder; choose a checkpoint file\.$"):
        read_weights(tmp_path)
    with pytest.raises(UserError, match=r"none.pt does not exist; choose a checkpoint file\.$"):
        read_weights(tmp_path / "none.pt")


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
def test_a_few_changed_bytes_give_weights_or_a_sentence(file, legacy):
    chance = random.Random(legacy)
    content = saved(WEIGHTS, legacy)
    for _ in range(150):
        changed = bytearray(content)
        for _ in range(chance.randint(1, 5)):
            changed[chance.randrange(len(content))] = chance.randrange(256)
        try:
            read_weights(file(bytes(changed)))
        except UserError as error:
            assert str(error).startswith("checkpoint: ")
