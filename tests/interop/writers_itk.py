"""ITK, whose lengths are mm."""

import itk
from writers_kit import PLACE, SIZE, dialect, greys, main


def save(kind, name, suffix, dtype="int16", **facts):
    @dialect(kind, name, dtype=dtype, **facts)
    def write(folder):
        image = itk.image_from_array(greys(dtype))
        image.SetSpacing([n * 1e-6 for n in SIZE[::-1]])
        image.SetOrigin([n * 1e-6 for n in PLACE[::-1]])
        itk.imwrite(image, str(folder / f"a{suffix}"))
        return folder / f"a{suffix}"


save("NIfTI", "one file", ".nii", size=True, place=True)
save("NRRD", "no unit", ".nrrd")
save("HDF5", "no unit", ".h5")
for dtype in ("uint8", "uint16", "float32"):
    save("TIFF", dtype, ".tif", dtype)
main("ITK", itk.Version.GetITKVersion())
