"""Pillow: stacks as TIFF, and sections."""

import PIL
from PIL import Image
from writers_kit import dialect, greys, main


def stack(name, dtype="uint8", near=0, mode=None, **options):
    @dialect("TIFF", name, dtype=dtype, near=near)
    def write(folder):
        images = [Image.fromarray(section) for section in greys(dtype)]
        first, *others = [image.convert(mode) for image in images] if mode else images
        first.save(folder / "a.tif", save_all=True, append_images=others, **options)
        return folder / "a.tif"


stack("plain")
for packed in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "zstd", "lzma"):
    stack(packed, compression=packed)
stack("jpeg", near=40, compression="jpeg")
stack("300 dpi", dpi=(300, 300))
stack("uint16", "uint16")
stack("float32", "float32")
stack("palette", mode="P")


def sections(name, suffix, mode, refused="", dtype="uint8"):
    @dialect("sections", name, dtype=dtype, refused=refused)
    def write(folder):
        for z, section in enumerate(greys(dtype)):
            Image.fromarray(section).convert(mode).save(folder / f"s{z}.{suffix}")
        return folder


sections("PNG", "png", "L")
sections("PNG, palette", "png", "P")
sections("PNG, grey as RGB", "png", "RGB")
sections("PNG, grey and alpha", "png", "LA")
sections("PNG, grey as RGBA", "png", "RGBA")
sections("PGM", "pgm", "L")
main("Pillow", PIL.__version__)
