import time
from itertools import chain, count, repeat

import numpy as np
import pytest
import torch
from toy_crops import squares

from napari_emcad.core.crop import Crop, unlabelled_crop
from napari_emcad.core.errors import UserError
from napari_emcad.finetuning import run as finetune
from napari_emcad.finetuning.folder import TrainingOrder, best_model, read_order, teacher_beside, write_run
from napari_emcad.finetuning.held_out import HeldOutScore
from napari_emcad.finetuning.run import AS_GOOD, fine_tune
from napari_emcad.networks import card
from napari_emcad.networks.cad_student import CadStudent, CadStudentConfig
from napari_emcad.networks.card import ModelCard
from napari_emcad.networks.checkpoint import inspect, load_student, load_teacher, save_model
from napari_emcad.networks.residual_unet import ResidualUNet, ResidualUNetConfig
from napari_emcad.networks.small_student import SmallStudent, SmallStudentConfig
from napari_emcad.training.params import TrainingParameters

LEARN = {"batch": 2, "sections": 2, "size": 32, "augmentation": "full", "learning_rate": 1e-2, "ema": 0.8, "warm_up": 3}


pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A student of each kind and a teacher that know nothing."""
    folder = tmp_path_factory.mktemp("models")
    torch.manual_seed(0)
    student = CadStudent(CadStudentConfig(maps=4, embedding_channels=4))
    teacher = ResidualUNet(ResidualUNetConfig(maps=(4, 6), outputs=4))
    save_model(student, folder / "student.pt", ModelCard(title="small", data="nothing", iteration=10))
    save_model(teacher, folder / "teacher.pt", ModelCard(title="deep"))
    small = SmallStudent(SmallStudentConfig((8, 8, 8, 8), (8, 8, 8), embedding_channels=4))
    save_model(small, folder / "small.pt", ModelCard(title="half size", data="nothing", iteration=10))
    return {name: folder / f"{name}.pt" for name in ("student", "teacher", "small")}


def order(models, mode="student", budget=None, **about):
    networks = {"student": ("student",), "teacher": ("teacher",)}.get(mode, ("student", "teacher"))
    parameters = TrainingParameters(mode=mode, **(budget or {"steps": 24}), **LEARN)
    return TrainingOrder(parameters=parameters, device="cpu", about=about, **{name: models[name] for name in networks})


def write_new_run(models, folder, **options):
    write_run(folder, order(models, **options), [squares()], [squares((3, 60, 60), "aside")])
    return folder


def kinds(events):
    return [event["event"] for event in events]


@pytest.mark.parametrize("kind", ["student", "small"])
def test_a_run_makes_the_student_better_and_says_so(models, tmp_path, kind):
    models = {**models, "student": models[kind]}
    folder = write_new_run(models, tmp_path / "run", title="squares", licence="ODC-By 1.0")
    events = list(fine_tune(folder))
    assert kinds(events)[:2] == ["stage", "started"]
    assert kinds(events).count("step") == 24
    last = events[-1]
    assert last["event"] == "finished"
    assert (last["why"], last["steps"], last["model"]) == ("budget", 24, best_model(folder).name)
    scores = [event for event in events if event["event"] == "score"]
    assert scores[0]["step"] == 0
    assert last["before"] == scores[0]
    assert last["after"]["voi"] == min(s["voi"] for s in scores) < 0.8 * last["before"]["voi"]
    card = inspect(best_model(folder))
    assert card.parent_sha256 == inspect(models["student"]).sha256
    assert (card.title, card.licence, card.iteration) == ("squares", "ODC-By 1.0", 10 + last["after"]["step"])
    assert card.data == "squares. Before: nothing"
    assert card.scores["VOI on the held-out crops"] == pytest.approx(last["after"]["voi"], abs=1e-4)
    assert card.scores["VOI on the held-out crops before fine-tuning"] == pytest.approx(scores[0]["voi"], abs=1e-4)
    assert card.threshold == last["after"]["threshold"]


def test_labels_before_and_after_are_kept(models, tmp_path):
    folder = write_new_run(models, tmp_path / "run")
    list(fine_tune(folder))
    with np.load(folder / "held_out_0.npz") as saved:
        assert sorted(saved) == ["after", "before", "raw", "truth"]
        assert {saved[name].shape for name in saved} == {(3, 60, 60)}
        np.testing.assert_array_equal(saved["truth"], squares((3, 60, 60)).labels)
        assert not np.array_equal(saved["before"], saved["after"])


def scripted(monkeypatch, vois):
    """Scorings give these, one after the other, and then the last of them again and again."""
    left = chain(vois, repeat(vois[-1]))

    def score_network(network, crops, device):
        return HeldOutScore(voi := next(left), voi, 0.0, 0.1, 0.3), [crop.labels for crop in crops]

    monkeypatch.setattr(finetune, "score_network", score_network)


def test_of_networks_about_as_good_the_latest_is_kept(models, tmp_path, monkeypatch):
    vois = [4.0, 4.2, 3.0, 2.0, 2.19, 2.21, 2.05, 3.0, 2.3, 2.201, 2.199]
    scripted(monkeypatch, vois)
    folder = write_new_run(models, tmp_path / "run", budget={"steps": 20})
    events = [e for e in fine_tune(folder) if e["event"] == "score"]
    assert [e["voi"] for e in events if e["best"]] == [3.0, 2.0, 2.19, 2.05, 2.199]
    assert best_model(folder).name == "best_20.pt"


def test_the_lowest_score_is_known_when_a_run_goes_on(models, tmp_path, monkeypatch):
    scripted(monkeypatch, [4.0, 2.0, 2.5, 2.3, 2.05, 2.3])
    folder = write_new_run(models, tmp_path / "run", budget={"steps": 20})
    for event in (run := fine_tune(folder)):
        if event["event"] == "score" and event["voi"] == 2.5:
            run.close()
    assert [e["voi"] for e in fine_tune(folder) if e["event"] == "score" and e["best"]] == [2.05]


def test_two_runs_with_one_seed_agree(models, tmp_path):
    for name in ("one", "two"):
        list(fine_tune(write_new_run(models, tmp_path / name)))
    one, two = (load_student(best_model(tmp_path / name))[0].state_dict() for name in ("one", "two"))
    assert all(torch.equal(one[key], two[key]) for key in one)


@pytest.mark.parametrize("mode", ["frozen-teacher", "joint"])
def test_with_a_teacher_the_student_is_kept(models, tmp_path, mode):
    folder = write_new_run(models, tmp_path / "run", mode=mode, budget={"steps": 40})
    started = next(e for e in fine_tune(folder) if e["event"] == "started")
    assert {"student", "cross", "interaction"} <= set(started["losses"])
    last = list(fine_tune(folder))[-1]
    assert last["after"]["voi"] < last["before"]["voi"]
    best = best_model(folder)
    load_student(best)
    networks = {file.name for file in folder.glob("*.pt")} - {"state.pt"}
    assert networks == {best.name} | ({teacher_beside(best).name} if mode == "joint" else set())


def test_a_teacher_that_learns_is_kept_beside_its_student(models, tmp_path):
    folder = write_new_run(models, tmp_path / "run", mode="joint", budget={"steps": 40})
    list(fine_tune(folder))
    teacher, card = load_teacher(teacher_beside(best_model(folder)))
    before, parent = load_teacher(read_order(folder).teacher)
    assert any(not torch.equal(a, b) for a, b in zip(teacher.parameters(), before.parameters(), strict=True))
    assert (card.parent_sha256, card.title, card.scores) == (parent.sha256, f"{parent.title}, trained further", {})
    assert "both learn" in card.description


def test_a_teacher_is_trained(models, tmp_path):
    folder = write_new_run(models, tmp_path / "run", mode="teacher", budget={"steps": 30})
    last = list(fine_tune(folder))[-1]
    assert last["after"]["voi"] < last["before"]["voi"]
    load_teacher(best_model(folder))


def test_a_new_teacher_has_the_maps_asked_for(models, tmp_path):
    asked = order(models, "teacher", {"steps": 30}).model_copy(update={"teacher": None, "teacher_maps": (4, 8)})
    write_run(tmp_path / "run", asked, [squares()], [squares()])
    list(fine_tune(tmp_path / "run"))
    assert load_teacher(best_model(tmp_path / "run"))[0].config.maps == (4, 8)


def test_distillation_needs_no_labels(models, tmp_path):
    crop = squares()
    blank = Crop(crop.raw, np.zeros_like(crop.labels), None, "stack")
    write_run(tmp_path / "run", order(models, "distil", {"steps": 3}), [blank], [])
    events = list(fine_tune(tmp_path / "run"))
    assert "score" not in kinds(events)
    assert (events[-1]["before"], events[-1]["after"], events[-1]["model"]) == (None, None, "best_3.pt")
    assert inspect(best_model(tmp_path / "run")).scores == {}


def test_a_stopped_run_keeps_its_best_and_goes_on(models, tmp_path):
    folder = write_new_run(models, tmp_path / "run", budget={"steps": 30})
    calls = count(1)
    events = []
    for event in fine_tune(folder, lambda: next(calls) < 15):
        events.append(event)
    assert [e["step"] for e in events if e["event"] == "step"] == list(range(1, 16))
    assert (event["event"], event["why"]) == ("finished", "stopped")
    assert (folder / event["model"]).exists()
    again = list(fine_tune(folder))
    assert [e["step"] for e in again if e["event"] == "step"] == list(range(16, 31))
    assert again[-1]["before"] == event["before"]
    assert again[-1]["after"]["voi"] <= event["after"]["voi"]


def test_the_time_budget_covers_everything(models, tmp_path):
    folder = write_new_run(models, tmp_path / "run", budget={"minutes": 6 / 60})
    start = time.monotonic()
    last = list(fine_tune(folder))[-1]
    assert last["steps"] > 2
    assert time.monotonic() - start < 30  # a slow machine, not a timing: the budget is 6 s


def test_a_run_that_does_not_help_gives_no_model(models, tmp_path):
    asked = order(models, budget={"steps": 2})
    asked = asked.model_copy(update={"parameters": asked.parameters.model_copy(update={"learning_rate": 1e-12})})
    write_run(tmp_path / "run", asked, [squares()], [squares()])
    last = list(fine_tune(tmp_path / "run"))[-1]
    if last["model"] is None:
        assert last["after"] == last["before"]
    else:
        assert last["after"]["voi"] < last["before"]["voi"]


def test_where_nothing_is_verified_a_teacher_teaches_too(models, tmp_path):
    crop = squares()
    blank = unlabelled_crop(crop.raw, "blank")
    asked = order(models, "frozen-teacher", {"steps": 40})
    write_run(tmp_path / "run", asked, [crop, blank], [crop])
    last = list(fine_tune(tmp_path / "run"))[-1]
    assert last["after"]["voi"] < last["before"]["voi"]
    assert "blank" in inspect(best_model(tmp_path / "run")).data


def test_uncorrected_sections_are_needed_where_they_are_to_teach(models, tmp_path):
    asked = order(models, "student", {"steps": 3, "consistency": "ema"})
    with pytest.raises(UserError, match=r"^crops: sections that nobody has corrected are needed, all are; add a"):
        write_run(tmp_path / "run", asked, [squares()], [squares()])
    write_run(tmp_path / "run", asked, [squares(), unlabelled_crop(squares().raw, "rest")], [squares()])
    steps = [event for event in fine_tune(tmp_path / "run") if event["event"] == "step"]
    assert all(step["parts"]["consistency"] > 0 for step in steps) and len(steps) == 3


def test_swapped_networks_are_told(models, tmp_path):
    asked = order(models, "frozen-teacher").model_copy(
        update={"student": models["teacher"], "teacher": models["student"]}
    )
    write_run(tmp_path / "run", asked, [squares()], [squares()])
    with pytest.raises(UserError, match="student checkpoint: a CAD student is needed"):
        list(fine_tune(tmp_path / "run"))


def test_killed_between_the_weights_and_their_card_the_best_of_before_stays(models, tmp_path, monkeypatch):
    folder = write_new_run(models, tmp_path / "run")
    events = fine_tune(folder)
    first = next(e for e in events if e["event"] == "score" and e["best"])
    kept, write = inspect(folder / first["model"]), card.replace_in_turn

    def killed(steps):
        write(steps[:1])
        raise KeyboardInterrupt

    monkeypatch.setattr(card, "replace_in_turn", killed)
    with pytest.raises(KeyboardInterrupt):
        list(events)
    monkeypatch.undo()
    assert inspect(best_model(folder)) == kept
    assert list(fine_tune(folder))[-1]["after"]["voi"] <= AS_GOOD * first["voi"]
    assert len(list(folder.glob("best_*.pt"))) <= 2


def test_no_folder_of_a_run_is_told(tmp_path):
    with pytest.raises(UserError, match="this is no folder of a training run"):
        list(fine_tune(tmp_path))


def test_a_full_disk_is_told_and_the_best_is_kept(models, tmp_path, monkeypatch):
    folder = write_new_run(models, tmp_path / "run", budget={"steps": 60})
    monkeypatch.setattr(finetune, "SAVE_EVERY", 0.0)
    events, kept = fine_tune(folder), None

    def full(content, file):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="disk full"):
        for event in events:
            if event["event"] == "score" and event["best"]:
                kept = inspect(best_model(folder))
                monkeypatch.setattr("napari_emcad.training.saved_state.torch.save", full)
    monkeypatch.undo()
    assert inspect(best_model(folder)) == kept
