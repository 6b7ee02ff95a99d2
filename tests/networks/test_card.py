import subprocess
import sys

import pytest
from pydantic import ValidationError

from napari_emcad.core.errors import UserError
from napari_emcad.core.geometry import VoxelSize
from napari_emcad.networks.card import ModelCard, card_beside, card_path

CARD = ModelCard(
    role="student",
    architecture="CAD student",
    parameters=903_078,
    maps=16,
    embedding_channels=16,
    iteration=2000,
    sha256="ab" * 32,
    title="Mouse cortex",
    data="AC4[0:80]",
    licence="CC BY 4.0",
    voxel_size=VoxelSize(30, 6, 5),
    scores={"VOI on AC4[80:100]": 0.614, "ARAND on AC4[80:100]": 0.05},
    threshold=0.3,
)


def test_one_line_for_the_panel():
    assert CARD.summary() == "student, 0.9 M values, trained at 30 x 6 x 5 nm, VOI 0.61 on AC4[80:100]"


def test_one_line_of_a_card_that_says_little():
    card = ModelCard(role="teacher", architecture="MALA U-Net", parameters=12_345)
    assert card.summary() == "MALA U-Net, 12,345 values, voxel size not stated"


def test_json_round_trip(tmp_path):
    CARD.save(tmp_path / "card.json")
    again = ModelCard.load(tmp_path / "card.json")
    assert again == CARD
    assert isinstance(again.voxel_size, VoxelSize)
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


def test_changed_validates():
    assert CARD.changed(title="Other").title == "Other"
    assert CARD.title == "Mouse cortex"
    with pytest.raises(ValidationError, match="threshold"):
        CARD.changed(threshold=2)


@pytest.mark.parametrize(
    "field",
    [
        {"role": "pupil"},
        {"parameters": -1},
        {"sha256": "abc"},
        {"voxel_size": (30, 6, 0)},
        {"scores": {"VOI": float("nan")}},
        {"colour": "red"},
    ],
)
def test_fields_that_cannot_be(field):
    with pytest.raises(ValidationError, match=next(iter(field))):
        ModelCard(**field)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "Invalid JSON"),
        (b"\xff\xfe\x00", "Invalid JSON"),
        (b"[1, 2]", "should be an object"),
        (b'{"parameters": "many"}', "parameters: "),
        (b'{"epochs": 3}', "epochs: "),
    ],
)
def test_a_file_that_is_no_card(tmp_path, content, says):
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=f"^model card: .*card.json is not a card of this version .*{says}.*something else\\.$"
    ):
        ModelCard.load(path)


def test_a_card_that_is_missing(tmp_path):
    with pytest.raises(UserError, match=r"^model card: .*none.json could not be read \(No such file or directory\)"):
        ModelCard.load(tmp_path / "none.json")


def test_a_card_that_cannot_be_written(tmp_path):
    with pytest.raises(UserError, match=r"none.* does not exist; create it or choose another"):
        CARD.save(tmp_path / "none" / "card.json")


@pytest.mark.parametrize(
    ("weights", "card"),
    [
        ("mouse.v2.pt", "mouse.v2.json"),
        ("AC34.ckpt", "AC34.ckpt.json"),
        ("AC34.v2.ckpt", "AC34.v2.ckpt.json"),
        ("old.pth", "old.pth.json"),
    ],
)
def test_where_the_card_of_a_weights_file_lies(tmp_path, weights, card):
    assert card_path(tmp_path / weights) == tmp_path / card


def test_the_card_beside_a_weights_file(tmp_path):
    CARD.save(tmp_path / "mouse.json")
    CARD.changed(title="Other").save(tmp_path / "mouse.ckpt.json")
    assert card_beside(tmp_path / "mouse.pt") == CARD
    assert card_beside(str(tmp_path / "mouse.ckpt")).title == "Other"
    assert card_beside(tmp_path / "none.pt") is card_beside(tmp_path / "mouse.pth") is None
    (tmp_path / "mouse.json").write_text("{")
    with pytest.raises(UserError, match=r"mouse.json is not a card"):
        card_beside(tmp_path / "mouse.pt")


def test_cards_and_the_list_of_models_need_no_torch():
    code = "import sys, napari_emcad.networks.card, napari_emcad.networks.zoo; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("greys", [(0.5, 0.5), (0.7, 0.2), (-0.1, 0.9), (0.1, 1.2)])
def test_a_grey_range_rises_from_0_to_1(greys):
    with pytest.raises(ValidationError, match="two grey levels from 0 to 1 are needed, the lower one first"):
        ModelCard(grey_range=greys)
    assert ModelCard.model_validate_json(ModelCard(grey_range=(0.1, 0.9)).as_json()).grey_range == (0.1, 0.9)
