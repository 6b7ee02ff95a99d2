"""How far a student sees, found by trying."""

import torch

from napari_emcad.networks.student import STRIDE, Student


def farthest_felt(student: Student, axis: int) -> int:
    """The farthest that a pixel is felt along an axis, -2 or -1, in pixels; the student's weights are changed.

    All weights become positive and nothing is added: an output is above 0 where, and only where, an input above 0
    reaches.
    """
    student.double().eval()
    with torch.no_grad():
        for name, tensor in student.state_dict().items():
            if name.endswith("bias") or "running_mean" in name:
                tensor.zero_()
            elif tensor.is_floating_point():
                tensor.fill_(0.5)
    length, first = 320, 152
    pixels = torch.arange(first, first + STRIDE)  # one of each phase of the poolings
    pairs = torch.zeros(STRIDE, 2, STRIDE, length, dtype=torch.double)
    pairs[torch.arange(STRIDE), :, 5, pixels] = 1
    with torch.no_grad():
        outputs = student(pairs if axis == -1 else pairs.transpose(-1, -2))
    reached = sum(outputs).sum(axis=(1, -2 if axis == -1 else -1)) > 0  # (pixel, length)
    distances = [abs(row.nonzero().flatten() - pixel) for row, pixel in zip(reached, pixels, strict=True)]
    return max(int(d.max()) for d in distances)
