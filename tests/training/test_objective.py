import itertools
from dataclasses import replace

import pytest
import torch
from drawings import lively_student
from pydantic import ValidationError

from napari_emcad.core.affinities import NEAREST
from napari_emcad.networks.embedding import affinities_of_embeddings, pair_affinities
from napari_emcad.training.losses import (
    TEACHER_OFFSETS,
    cross_loss,
    interaction_loss,
    student_loss,
    teacher_loss,
)
from napari_emcad.training.malis import malis_loss, student_malis
from napari_emcad.training.objective import (
    DISTIL,
    FROZEN_TEACHER,
    JOINT,
    STUDENT_ONLY,
    TEACHER_ONLY,
    Objective,
    Outputs,
    by_crop,
    total_loss,
)
from napari_emcad.training.truth import Truth

N, E, Z, Y, X = 2, 3, 5, 6, 7
PARTS = ("student", "teacher", "cross", "interaction")


def embeddings(depth, seed):
    return torch.randn(N, E, depth, Y, X, generator=torch.Generator().manual_seed(seed)).requires_grad_()


def outputs():
    return Outputs(embeddings(Z - 1, 1), embeddings(Z - 1, 2), embeddings(Z, 3))


def truth(known=True):
    labels = torch.randint(0, 3, (N, Z, Y // 2, 1), generator=torch.Generator().manual_seed(0))
    labels = labels.repeat_interleave(2, 2).expand(N, Z, Y, X)
    return Truth.of(labels, torch.full(labels.shape, known))


def by_hand(out, truth):
    """The four losses, each called on its own."""
    pairs = [pair_affinities(out.previous[:, :, z], out.current[:, :, z]) for z in range(Z - 1)]
    student = torch.stack(pairs, dim=2)
    teacher = affinities_of_embeddings(out.teacher, TEACHER_OFFSETS)
    return {
        "student": student_loss(student, truth),
        "teacher": teacher_loss(teacher, truth),
        "cross": cross_loss(student, teacher),
        "interaction": interaction_loss(out.previous, out.current, out.teacher, truth),
    }


def learning(loss, out):
    """Return True for each of the three tensors that a gradient reaches."""
    for tensor in (out.previous, out.current, out.teacher):
        tensor.grad = None
    loss.backward()
    return [t.grad is not None and bool(t.grad.any()) for t in (out.previous, out.current, out.teacher)]


@pytest.mark.parametrize(
    ("objective", "parts", "learners", "networks"),
    [
        (STUDENT_ONLY, {"student"}, [True, True, False], {"student"}),
        (TEACHER_ONLY, {"teacher"}, [False, False, True], {"teacher"}),
        (FROZEN_TEACHER, {"student", "cross", "interaction"}, [True, True, False], {"student", "teacher"}),
        (JOINT, set(PARTS), [True, True, True], {"student", "teacher"}),
        (DISTIL, {"cross"}, [True, True, False], {"student", "teacher"}),
    ],
    ids=["student only", "teacher only", "frozen teacher", "joint", "distil"],
)
def test_the_five_ways_to_train(objective, parts, learners, networks):
    out = outputs()
    losses = total_loss(out, truth(), objective)
    expected = by_hand(out, truth())
    assert losses.parts.keys() == parts
    for name in parts:
        assert losses.parts[name].item() == pytest.approx(expected[name].item(), rel=1e-5)
        assert not losses.parts[name].requires_grad
    assert losses.total.item() == pytest.approx(sum(expected[name].item() for name in parts), rel=1e-5)
    assert learning(losses.total, out) == learners
    assert objective.networks(0) == networks


@pytest.mark.parametrize("of_affinities", [False, True])
def test_malis_stands_beside_the_mse_of_both_networks(of_affinities):
    out, goal = affinity_teacher() if of_affinities else outputs(), truth()
    told = Objective(interaction=0, loss="malis")
    losses, plain = (total_loss(out, goal, o) for o in (told, told.model_copy(update={"loss": "mse"})))
    more = {
        "student": student_malis(out.student_affinities, goal),
        "teacher": malis_loss(out.teacher_nearest, goal),
        "cross": torch.zeros(()),
    }
    for name, part in losses.parts.items():
        assert part.item() == pytest.approx(plain.parts[name].item() + more[name].item(), rel=1e-6)
    assert learning(losses.total, out) == [True, True, True]


def test_losses_are_weighted():
    weights = dict(zip(PARTS, (0.5, 2.0, 3.0, 0.25), strict=True))
    losses = total_loss(outputs(), truth(), Objective(**weights))
    expected = by_hand(outputs(), truth())
    assert losses.total.item() == pytest.approx(sum(w * expected[n].item() for n, w in weights.items()), rel=1e-5)


@pytest.mark.parametrize(("step", "parts"), [(0, PARTS[:2]), (9, PARTS[:2]), (10, PARTS), (11, PARTS)])
def test_the_student_hears_the_teacher_after_the_warm_up(step, parts):
    objective = Objective(warm_up=10)
    losses = total_loss(outputs(), truth(), objective, step)
    assert tuple(losses.parts) == parts == tuple(objective.weights(step))


def test_the_warm_up_names_the_networks_that_have_a_loss():
    objective = Objective(student=0, warm_up=10)
    assert objective.networks(9) == {"teacher"}
    assert objective.networks(10) == {"student", "teacher"}


def test_unlabelled_crops_teach_by_distillation_alone():
    out = outputs()
    losses = total_loss(out, truth(known=False), JOINT)
    assert {name: bool(part) for name, part in losses.parts.items()} == {name: name == "cross" for name in PARTS}
    assert learning(losses.total, out) == [True, True, False]


def test_distillation_changes_the_teacher_if_asked():
    distilled = Objective(student=0, teacher=0, interaction=0, teach_back=True)
    out = outputs()
    assert learning(total_loss(out, truth(), distilled).total, out) == [True, True, True]
    frozen = distilled.model_copy(update={"teacher_learns": False})
    assert learning(total_loss(out, truth(), frozen).total, out) == [True, True, False]


def affinity_teacher():
    """A teacher that gives affinities z, y, x and no embeddings."""
    teacher = torch.rand(N, 3, Z, Y, X, generator=torch.Generator().manual_seed(4)).requires_grad_()
    return replace(outputs(), teacher=teacher, of_affinities=True)


@pytest.mark.parametrize("objective", [TEACHER_ONLY, FROZEN_TEACHER, JOINT, DISTIL], ids=str)
def test_a_teacher_of_affinities_learns_and_teaches_those(objective):
    out, goal = affinity_teacher(), truth()
    objective = objective.model_copy(update={"interaction": 0.0})
    losses = total_loss(out, goal, objective)
    expected = {
        "student": student_loss(out.student_affinities, goal),
        "teacher": teacher_loss(out.teacher, goal, NEAREST),
        "cross": cross_loss(out.student_affinities, out.teacher),
    }
    assert losses.parts.keys() == objective.weights(0).keys()
    for name, part in losses.parts.items():
        assert part.item() == pytest.approx(expected[name].item(), rel=1e-6)
    assert learning(losses.total, out)[2] == bool(objective.teacher)


@pytest.mark.parametrize("of_affinities", [False, True])
def test_the_nearest_affinities_are_the_first_of_the_teachers(of_affinities):
    out = affinity_teacher() if of_affinities else outputs()
    assert torch.equal(out.teacher_affinities[:, :3], out.teacher_nearest)
    assert out.teacher_affinities.shape[1] == len(out.teacher_offsets) == (3 if of_affinities else 12)


def test_a_network_without_loss_need_not_be_run():
    out = outputs()
    whole = total_loss(out, truth(), STUDENT_ONLY).total
    assert torch.equal(total_loss(Outputs(out.previous, out.current), truth(), STUDENT_ONLY).total, whole)
    assert total_loss(Outputs(teacher=out.teacher), truth(), TEACHER_ONLY).total > 0


def test_a_network_that_is_missing_is_told():
    with pytest.raises(ValueError, match="this objective needs embeddings of the teacher; run it"):
        total_loss(Outputs(embeddings(Z - 1, 1), embeddings(Z - 1, 2)), truth(), FROZEN_TEACHER)
    with pytest.raises(ValueError, match="needs embeddings of the student and the teacher"):
        total_loss(Outputs(), truth(), JOINT)


@pytest.mark.parametrize("depths", [(Z, Z - 1, Z), (Z - 1, Z - 1, Z - 1), (Z, Z, Z)])
def test_crops_of_unequal_size_are_told(depths):
    with pytest.raises(ValueError, match=r"outputs: crops \(n, z, y, x\) that belong together are needed, got"):
        Outputs(*(embeddings(depth, 0) for depth in depths))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"student": 0, "teacher": 0, "cross": 0, "interaction": 0}, "a loss with a weight above 0 is needed"),
        ({"student": 0, "teacher": 0, "warm_up": 5}, "a loss with a weight above 0 is needed from the first step on"),
        ({"teacher_learns": False}, "a teacher that does not learn has no loss, got weight 1.0; set 0"),
        ({"cross": -1}, "greater than or equal to 0"),
        ({"distil": 1}, "Extra inputs are not permitted"),
    ],
    ids=str,
)
def test_objectives_that_make_no_sense_are_refused(wrong, why):
    with pytest.raises(ValidationError, match=why):
        Objective(**wrong)


def test_objectives_go_through_a_file():
    for objective in (STUDENT_ONLY, TEACHER_ONLY, FROZEN_TEACHER, JOINT, DISTIL, Objective(warm_up=7, cross=0.1)):
        assert Objective.model_validate_json(objective.model_dump_json()) == objective


def section_pairs(crops):
    """(n, z, y, x) -> (n * (z - 1), 2, y, x): the pairs of adjacent sections, as the student takes them."""
    return torch.stack([crops[:, :-1], crops[:, 1:]], dim=2).flatten(0, 1)


def test_pairs_of_sections_and_back():
    crops = torch.arange(N * Z * Y * X).reshape(N, Z, Y, X)
    pairs = section_pairs(crops)
    assert pairs.shape == (N * (Z - 1), 2, Y, X)
    for i, (n, z) in enumerate(itertools.product(range(N), range(Z - 1))):
        assert torch.equal(pairs[i], crops[n, z : z + 2])
    folded = by_crop(pairs, N)
    assert torch.equal(folded[:, 0], crops[:, :-1])
    assert torch.equal(folded[:, 1], crops[:, 1:])


def test_the_affinities_of_a_crop_are_those_of_its_pairs():
    student, crops = lively_student(), torch.rand(N, 3, 16, 32)
    previous, current = (by_crop(e, N) for e in student(section_pairs(crops)))
    affinities = Outputs(previous, current).student_affinities
    assert affinities.shape == (N, 3, 2, 16, 32)
    for n, z in itertools.product(range(N), range(2)):
        expected = pair_affinities(*student(crops[n : n + 1, z : z + 2]))[0]
        torch.testing.assert_close(affinities[n, :, z], expected, rtol=1e-4, atol=1e-5)


def test_one_section_has_no_pairs_and_no_loss_but_the_teachers():
    section = torch.rand(N, 1, Y, X)
    assert section_pairs(section).shape == (0, 2, Y, X)
    none, teacher = torch.rand(0, E, Y, X), torch.rand(N, E, 1, Y, X)
    out = Outputs(by_crop(none, N), by_crop(none, N), teacher)
    labels = torch.ones(N, 1, Y, X, dtype=torch.int64)
    parts = total_loss(out, Truth.of(labels), JOINT).parts
    assert {name: bool(part) for name, part in parts.items()} == {name: name == "teacher" for name in PARTS}


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_finite_throughout(dtype):
    out = Outputs(*(t.detach().to(dtype).requires_grad_() for t in (outputs().previous, outputs().current)), None)
    out = Outputs(out.previous, out.current, outputs().teacher.detach().to(dtype).requires_grad_())
    with torch.autocast("cpu", torch.bfloat16):
        losses = total_loss(out, truth(), JOINT)
    assert losses.total.dtype == torch.float32
    losses.total.backward()
    for tensor in (out.previous, out.current, out.teacher):
        assert tensor.grad.isfinite().all()
        assert tensor.grad.any()


def test_descending_the_joint_loss_lowers_every_part():
    """Free embeddings in place of networks: the four losses pull the same way."""
    out, goal = outputs(), truth()
    tensors = [t.detach().requires_grad_() for t in (out.previous, out.current, out.teacher)]
    optimiser = torch.optim.Adam(tensors, lr=0.05)
    history = []
    for _ in range(60):
        losses = total_loss(Outputs(*tensors), goal, JOINT)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
        history.append(losses.parts)
    assert all(history[-1][name] < 0.6 * history[0][name] for name in PARTS)


@pytest.mark.parametrize(
    ("output", "network"), [("student_affinities", "student"), ("teacher_nearest", "teacher")], ids=lambda name: name
)
def test_an_output_that_was_not_made_is_asked_for(output, network):
    with pytest.raises(ValueError, match=rf"^outputs: those of the {network} are needed, got none; run it\.$"):
        getattr(Outputs(), output)
