"""SimpleITK, whose lengths are mm."""

import SimpleITK
from writers_kit import PLACE, SIZE, dialect, greys, main


def save(kind, name, suffix, dtype="int16", compress=False, **facts):
    @dialect(kind, name, dtype=dtype, **facts)
    def write(folder):
        image = SimpleITK.GetImageFromArray(greys(dtype))
        image.SetSpacing([n * 1e-6 for n in SIZE[::-1]])
        image.SetOrigin([n * 1e-6 for n in PLACE[::-1]])
        SimpleITK.WriteImage(image, str(folder / f"a{suffix}"), compress)
        return folder / f"a{suffix}"


save("NIfTI", "one file", ".nii", size=True, place=True)
save("NIfTI", "packed", ".nii.gz", size=True, place=True)
save("NIfTI", "two files", ".img", size=True, place=True)
save("NRRD", "no unit", ".nrrd")
save("NRRD", "no unit, packed", ".nrrd", compress=True)
save("NRRD", "no unit, two files", ".nhdr")
for dtype in ("uint8", "int16", "float32"):
    save("TIFF", dtype, ".tif", dtype)
save("TIFF", "packed", ".tif", "uint16", compress=True)
save("MetaImage", "one file", ".mha", refused="MetaImage, which is not read")
save("MetaImage", "two files", ".mhd", refused="MetaImage, which is not read")


@dialect("sections", "PNG")
def sections(folder):
    names = [str(folder / f"s{z}.png") for z in range(len(greys()))]
    SimpleITK.WriteImage(SimpleITK.GetImageFromArray(greys()), names)
    return folder


main("SimpleITK", SimpleITK.Version_VersionString())
