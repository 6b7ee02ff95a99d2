from napari_emcad.finetuning.cards import CardMaker
from napari_emcad.finetuning.folder import TrainingOrder
from napari_emcad.networks.card import ModelCard
from napari_emcad.training.params import TrainingParameters

PARENTS = {
    "student": ModelCard(title="small", data="mice", iteration=10, sha256="a" * 64, threshold=0.3),
    "teacher": ModelCard(title="deep", sha256="b" * 64),
}


def maker(**about) -> CardMaker:
    order = TrainingOrder(parameters=TrainingParameters(mode="joint", steps=7), about=about)
    return CardMaker(order, PARENTS, "crop 1, crop 2", "CPU, 2 threads")


def score(voi, threshold):
    return {"event": "score", "voi": voi, "arand": voi / 10, "threshold": threshold}


def test_a_card_says_where_a_network_comes_from_and_how_good_it_is():
    card = maker().product_card("student", 7, 61.4, score(1.23456, 0.4), score(2.5, 0.6))
    assert (card.title, card.iteration, card.parent_sha256) == ("small, trained further", 17, "a" * 64)
    assert card.data == "crop 1, crop 2. Before: mice"
    assert "7 steps, 61 s on CPU, 2 threads" in card.description
    assert card.scores == {
        "VOI on the held-out crops": 1.2346,
        "ARAND on the held-out crops": 0.1235,
        "VOI on the held-out crops before fine-tuning": 2.5,
        "ARAND on the held-out crops before fine-tuning": 0.25,
    }
    assert card.threshold == 0.4


def test_without_scores_the_threshold_stays():
    card = maker().product_card("student", 7, 61.4, None, None)
    assert (card.scores, card.threshold) == ({}, 0.3)


def test_what_the_asker_knows_comes_first():
    told = {"title": "mine", "licence": "ODC-By 1.0", "data": "my crops"}
    student = maker(**told).product_card("student", 7, 61.4, None, None)
    teacher = maker(**told).teacher_card(7, 61.4)
    assert (student.title, student.licence, student.data) == ("mine", "ODC-By 1.0", "my crops")
    assert (teacher.title, teacher.licence) == ("deep, trained further", "ODC-By 1.0")
    assert (teacher.parent_sha256, teacher.scores) == ("b" * 64, {})
