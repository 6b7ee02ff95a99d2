"""The four losses of distillation against loops over voxels that share nothing with them."""

import itertools

import numpy as np
import pytest
import torch
from drawings import uneven

from napari_emcad.core.affinities import NEAREST
from napari_emcad.networks.embedding import affinities_of_embeddings
from napari_emcad.training.losses import (
    NEAREST_WEIGHT,
    TEACHER_OFFSETS,
    cross_loss,
    interaction_loss,
    student_loss,
    teacher_loss,
)
from napari_emcad.training.truth import Truth

N, E, Z, Y, X = 2, 3, 6, 4, 5
AXES = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
CASES = [(1.0, 2), (0.8, 2), (0.8, 3), (0.0, 2)]


class Crop:
    """Distinct random embeddings and blocky labels of N crops of Z sections, of which the student sees some pairs."""

    def __init__(self, known=0.8, neurons=2, depth=Z, seed=0, pairs=None):
        rng = np.random.default_rng(seed)
        self.depth, self.pairs = depth, max(0, depth - 1) if pairs is None else pairs
        self.labels = np.repeat(rng.integers(0, neurons + 1, (N, depth, Y, 2)), (3, 2), axis=3)
        self.labels[uneven(self.labels.shape, seed=seed) < 20] = 0
        self.known = rng.random(self.labels.shape) < known
        self.previous, self.current = rng.normal(0, 2, (2, N, E, self.pairs, Y, X))
        self.teacher = rng.normal(0, 2, (N, E, depth, Y, X))
        self.student_affinities = rng.uniform(-1, 1, (N, 3, self.pairs, Y, X))
        self.teacher_affinities = rng.uniform(-1, 1, (N, 12, depth, Y, X))

    def truth(self):
        return Truth.of(torch.from_numpy(self.labels), torch.from_numpy(self.known))

    def tensors(self, *names, dtype=torch.float64):
        return [torch.from_numpy(getattr(self, name)).to(dtype).requires_grad_() for name in names]

    def inner(self, n, z, y, x):
        """The label, 0 where two neurons meet."""
        around = set(self.labels[n, z, max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].flat) - {0}
        return self.labels[n, z, y, x] if len(around) == 1 else 0

    def same(self, here, there):
        """Affinity of two voxels (n, z, y, x), None where unknown."""
        if not (self.known[here] and self.known[there]):
            return None
        return float(self.inner(*here) == self.inner(*there) != 0)


def before(voxel, back, depth=Z):
    """The voxel (n, z, y, x) that lies (z, y, x) further back; None outside."""
    n, *place = voxel
    partner = [p - b for p, b in zip(place, back, strict=True)]
    inside = all(0 <= p < size for p, size in zip(partner, (depth, Y, X), strict=True))
    return (n, *partner) if inside else None


def balanced(groups):
    """Weighted mean over groups of (weight, [(predicted, target)]), in each of which the two classes weigh the same."""
    total = counted = 0.0
    for weight, pairs in groups:
        pairs = [(p, t) for p, t in pairs if t is not None]
        for positive in (False, True):
            of_class = [(p - t) ** 2 for p, t in pairs if (t > 0.5) == positive]
            total += weight * sum(len(pairs) / 2 / len(of_class) * error for error in of_class)
        counted += weight * len(pairs)
    return total / counted if counted else 0.0


def plane():
    return itertools.product(range(Y), range(X))


def student_groups(crop, target):
    """One group for each section pair and channel; `target(voxel, partner, channel)`."""
    for n, z, (c, back) in itertools.product(range(N), range(1, crop.pairs + 1), enumerate(AXES)):
        pairs = [((n, z, y, x), before((n, z, y, x), back)) for y, x in plane()]
        inside = [(here, there) for here, there in pairs if there]
        yield 1, [(crop.student_affinities[n, c, z - 1, h[2], h[3]], target(h, t, c)) for h, t in inside]


def student_by_hand(crop):
    return balanced(student_groups(crop, lambda here, there, _: crop.same(here, there)))


def cross_by_hand(crop):
    """No label and no mask is looked at."""
    return balanced(student_groups(crop, lambda here, _, c: max(0, crop.teacher_affinities[(here[0], c, *here[1:])])))


def teacher_by_hand(crop, offsets=TEACHER_OFFSETS):
    groups = []
    for n, (c, offset) in itertools.product(range(N), enumerate(offsets)):
        voxels = [(n, *v) for v in np.ndindex(crop.depth, Y, X)]
        pairs = [(v, before(v, [-o for o in offset], crop.depth)) for v in voxels]
        values = [(crop.teacher_affinities[(n, c, *v[1:])], crop.same(v, there)) for v, there in pairs if there]
        groups.append((NEAREST_WEIGHT if sum(offset) == -1 == min(offset) and max(offset) == 0 else 1, values))
    return balanced(groups)


def interaction_by_hand(crop):
    """For each role of the student's embedding and each k: section z of the student, z + k of the teacher."""
    groups = []
    for n, (embeddings, first), k in itertools.product(range(N), ((crop.previous, 0), (crop.current, 1)), (1, 2, 3, 4)):
        values = []
        for i in range(crop.pairs):
            z = i + first
            if z + k < crop.depth:
                for y, x in plane():
                    a, b = embeddings[n, :, i, y, x], crop.teacher[n, :, z + k, y, x]
                    cosine = a @ b / np.sqrt(a @ a * (b @ b))
                    values.append((min(1, max(0, cosine)), crop.same((n, z, y, x), (n, z + k, y, x))))
        groups.append((1, values))
    return balanced(groups)


LOSSES = {
    "student": (lambda truth, a: student_loss(a, truth), student_by_hand, ["student_affinities"]),
    "teacher": (lambda truth, a: teacher_loss(a, truth), teacher_by_hand, ["teacher_affinities"]),
    "cross": (lambda _, a, b: cross_loss(a, b), cross_by_hand, ["student_affinities", "teacher_affinities"]),
    "interaction": (
        lambda truth, a, b, t: interaction_loss(a, b, t, truth),
        interaction_by_hand,
        ["previous", "current", "teacher"],
    ),
}


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize(("known", "neurons"), CASES)
@pytest.mark.parametrize("depth", [1, 2, 3, Z])
def test_losses_are_those_of_loops_over_voxels(name, known, neurons, depth):
    loss, by_hand, inputs = LOSSES[name]
    crop = Crop(known, neurons, depth, seed=neurons)
    assert loss(crop.truth(), *crop.tensors(*inputs)).item() == pytest.approx(by_hand(crop), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("name", ["student", "cross", "interaction"])
@pytest.mark.parametrize("pairs", [1, 2, 4])
def test_the_student_may_see_the_first_pairs_only(name, pairs):
    loss, by_hand, inputs = LOSSES[name]
    crop = Crop(pairs=pairs)
    found = loss(crop.truth(), *crop.tensors(*inputs)).item()
    assert found == pytest.approx(by_hand(crop), rel=1e-6)
    assert found != pytest.approx(by_hand(Crop()), rel=1e-3)


def test_the_cases_tell_the_losses_apart():
    """Both classes are there, and neither mask nor labels are trivial."""
    crop = Crop()
    affinities, known = (t.movedim(1, 0) for t in crop.truth().target(TEACHER_OFFSETS))  # (12, n, z, y, x)
    for c in (0, 1, 2, 3, 6, 9):
        assert set(affinities[c][known[c]].tolist()) == {False, True}
    assert known.any((1, 2, 3, 4)).tolist() == [
        max(-n for n in o) < (Z, Y, X)[c % 3] for c, o in enumerate(TEACHER_OFFSETS)
    ]
    assert not known[7].any()  # longer than the crop
    assert len({by_hand(crop) for _, by_hand, _ in LOSSES.values()}) == 4


@pytest.mark.parametrize("name", ["student", "teacher", "interaction"])
def test_where_nothing_is_verified_labels_teach_nothing(name):
    loss, _, inputs = LOSSES[name]
    crop = Crop(known=0)
    tensors = crop.tensors(*inputs)
    value = loss(crop.truth(), *tensors)
    value.backward()
    assert value.item() == 0
    assert not any(t.grad.any() for t in tensors)


@pytest.mark.parametrize(("name", "axis"), [("student", 3), ("teacher", 3)])
def test_unverified_voxels_get_no_gradient_but_pairs_of_verified_ones_do(name, axis):
    loss, _, inputs = LOSSES[name]
    crop = Crop(neurons=1)
    crop.known[...] = True
    crop.known[:, :, 2] = False
    (affinities,) = crop.tensors(*inputs)
    loss(crop.truth(), affinities).backward()
    touched = affinities.grad[:, :3].abs().sum((0, 2, 4)) > 0  # (c, y)
    assert touched.tolist() == [[True, True, False, True], [False, True, False, False], [True, True, False, True]]


def test_distillation_teaches_the_student_everywhere_and_the_teacher_only_if_asked():
    crop = Crop(known=0)
    student, teacher = crop.tensors("student_affinities", "teacher_affinities")
    cross_loss(student, teacher).backward()
    assert teacher.grad is None
    reached = student.grad != 0
    assert reached[:, 0].all()
    assert reached[:, 1, :, 1:].all()
    assert reached[:, 2, :, :, 1:].all()
    assert not reached[:, 1, :, 0].any()
    assert not reached[:, 2, :, :, 0].any()
    cross_loss(student, teacher, teach_back=True).backward()
    clipped = teacher < 0
    assert teacher.grad[:, 0, 1:][~clipped[:, 0, 1:]].all()
    assert not teacher.grad[:, :3][clipped[:, :3]].any()
    assert not teacher.grad[:, :, 0].any()  # the student has no affinities of the first section
    assert not teacher.grad[:, 3:].any()


def test_grafting_teaches_both_where_the_product_is_not_clamped():
    crop = Crop(known=1)
    previous, current, teacher = crop.tensors("previous", "current", "teacher")
    interaction_loss(previous, current, teacher, crop.truth()).backward()
    assert previous.grad.any()
    assert current.grad[:, :, :-1].any()
    assert not current.grad[:, :, -1].any()  # no section follows the last one
    assert teacher.grad[:, :, 1:].any()
    assert not teacher.grad[:, :, 0].any()  # and none precedes the first


def test_gradients_are_those_of_finite_differences():
    crop = Crop(depth=3)
    truth, inputs = crop.truth(), crop.tensors("previous", "current", "teacher")
    assert torch.autograd.gradcheck(lambda *embeddings: interaction_loss(*embeddings, truth), inputs)
    (embeddings,) = crop.tensors("teacher")
    assert torch.autograd.gradcheck(
        lambda e: teacher_loss(affinities_of_embeddings(e, TEACHER_OFFSETS), truth), (embeddings,)
    )


@pytest.mark.parametrize("known", [1.0, 0.8])
@pytest.mark.parametrize(
    "offsets",
    [NEAREST, ((1, 0, 0), (0, 2, -1), (-1, 3, 2), (0, 0, 0), (-4, 0, 0), (0, -27, 0)), ((0, 0, -1),), ((0, 1, 0),)],
    ids=len,
)
def test_a_teacher_may_have_any_offsets(offsets, known):
    crop = Crop(known)
    (affinities,) = crop.tensors("teacher_affinities")
    found = teacher_loss(affinities[:, : len(offsets)], crop.truth(), offsets)
    assert found.item() == pytest.approx(teacher_by_hand(crop, offsets), rel=1e-6)


@pytest.mark.parametrize("teach_back", [False, True])
def test_of_the_teacher_the_student_hears_the_nearest_affinities_only(teach_back):
    """So a teacher that gives these three and no embeddings will do; what lies below 0 is none."""
    crop = Crop()
    student, teacher = crop.tensors("student_affinities", "teacher_affinities")
    heard = [cross_loss(student, t, teach_back).item() for t in (teacher, teacher[:, :3], teacher[:, :3].clamp(min=0))]
    assert heard == [pytest.approx(cross_by_hand(crop))] * 3


@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_grafting_looks_one_to_four_sections_ahead(k):
    """Verified are two sections only: the student's, and the teacher's k further on."""
    crop = Crop()
    crop.known[:] = False
    crop.known[:, [1, 1 + k]] = True
    previous, current, teacher = crop.tensors("previous", "current", "teacher")
    loss = interaction_loss(previous, current, teacher, crop.truth())
    assert loss.item() == pytest.approx(interaction_by_hand(crop), rel=1e-6)
    assert loss.item() > 0
    loss.backward()
    reached = [[bool(t.grad[:, :, z].any()) for z in range(t.shape[2])] for t in (previous, current, teacher)]
    assert reached == [[z == 1 for z in range(5)], [z == 0 for z in range(5)], [z == 1 + k for z in range(6)]]


def test_nearest_neighbours_count_as_the_offsets_say_not_as_their_place():
    crop = Crop()
    turned = TEACHER_OFFSETS[::-1]
    (affinities,) = crop.tensors("teacher_affinities")
    assert teacher_loss(affinities.flip(1), crop.truth(), turned).item() == pytest.approx(teacher_by_hand(crop))
    assert teacher_loss(affinities[:, :0], crop.truth(), ()).item() == 0


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_comes_in_and_full_precision_goes_out(name, dtype):
    loss, _, inputs = LOSSES[name]
    crop = Crop()
    tensors = crop.tensors(*inputs, dtype=dtype)
    with torch.autocast("cpu", torch.bfloat16):
        value = loss(crop.truth(), *tensors)
    assert value.dtype == torch.float32
    precise = loss(crop.truth(), *(t.detach().double() for t in tensors))
    assert value.item() == pytest.approx(precise.item(), rel=1e-5)
    value.backward()
    assert all(t.grad.isfinite().all() for t in tensors if t.grad is not None)


@pytest.mark.parametrize("scale", [6e4, 1e-4])
def test_very_large_and_very_small_embeddings_are_finite(scale):
    crop = Crop()
    for name in ("previous", "current", "teacher"):
        setattr(crop, name, np.sign(getattr(crop, name)) * scale)
    tensors = crop.tensors("previous", "current", "teacher", dtype=torch.float16)
    value = interaction_loss(*tensors, crop.truth())
    value.backward()
    assert value.item() == pytest.approx(interaction_by_hand(crop), rel=1e-4)
    assert all(t.grad.isfinite().all() for t in tensors)


def test_inputs_are_left_alone():
    crop = Crop()
    truth = crop.truth()
    arrays = (crop.labels, crop.known, crop.previous, crop.current, crop.teacher, crop.student_affinities)
    copies = [a.copy() for a in arrays]
    for loss, _, inputs in LOSSES.values():
        loss(truth, *crop.tensors(*inputs))
    for array, copy in zip(arrays, copies, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_networks_that_cannot_be_grafted_are_told():
    crop = Crop()
    crop.teacher = np.concatenate([crop.teacher] * 2, axis=1)
    with pytest.raises(
        ValueError, match="need equally many embedding channels, got 3 and 6; give this loss the weight 0"
    ):
        interaction_loss(*crop.tensors("previous", "current", "teacher"), crop.truth())
