"""nibabel: NIfTI 1 and 2, with axes in any direction."""

import nibabel
import numpy as np
from writers_kit import PLACE, SIZE, dialect, greys, main

SUFFIXES = {"NIfTI 1": ".nii", "NIfTI 1, packed": ".nii.gz", "NIfTI 2": ".nii", "two files": ".img"}
KINDS = {"NIfTI 2": nibabel.Nifti2Image, "two files": nibabel.Nifti1Pair}


def save(name, unit="micron", scale=1e-3, order="xyz", signs=(1, 1, 1), start=None, suffix=".nii", kind=None, **facts):
    @dialect("NIfTI", name, **{"size": True, "dtype": "int16"} | facts)
    def write(folder):
        affine = np.zeros((4, 4))
        affine[3, 3] = 1
        for axis, letter in enumerate(order):
            affine["xyz".index(letter), axis] = SIZE["zyx".index(letter)] * scale * signs[axis]
        if start:
            affine[:3, 3] = np.array(start[::-1]) * scale * signs
        values = greys(facts.get("dtype", "int16")).transpose(["zyx".index(letter) for letter in order])
        image = (kind or nibabel.Nifti1Image)(values, affine)
        if unit:
            image.header.set_xyzt_units(unit)
        nibabel.save(image, folder / f"a{suffix}")
        return folder / f"a{suffix}"


for name, suffix in SUFFIXES.items():
    save(name, suffix=suffix, kind=KINDS.get(name))
for dtype in ("uint8", "uint16", "float32"):
    save(dtype, dtype=dtype)
save("mm", "mm", 1e-6)
save("no unit", None, 1, size=False)
save("place", start=PLACE, place=True)
save("x and y go down", start=PLACE, signs=(-1, -1, 1), place=True)
save("axes z, y, x", order="zyx")
main("nibabel", nibabel.__version__)
