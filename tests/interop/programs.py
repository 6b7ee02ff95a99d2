"""Writers that are programs of their own."""

import re
import shutil
import subprocess
from pathlib import Path

from PIL import Image
from writers_kit import dialect, greys

LOSSY = {"jpg": 20, "jp2": 20, "webp": 20}


def run(*command: object) -> str:
    """Run a program and return what it says; an error if it fails or is not installed."""
    words = [str(word) for word in command]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError((done.stderr + done.stdout).strip().splitlines()[0])
    return done.stdout + done.stderr


def version_of(*command: str) -> str:
    """Return the version in what a program says of itself; "is not installed" if it is not."""
    if not shutil.which(command[0]):
        return "is not installed"
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    found = re.search(r"\d+\.\d+(\.\d+)?(-\d+)?", said.stdout + said.stderr)
    return found[0] if found else ""


def png_sections(folder: Path, dtype: str = "uint8") -> list[Path]:
    """Write sections for a program to read."""
    inner = folder / "in"
    inner.mkdir()
    for z, section in enumerate(greys(dtype)):
        Image.fromarray(section).save(inner / f"{z}.png")
    return [inner / f"{z}.png" for z in range(len(greys()))]


def magick_dialects(program: list[str], adjoin: list[str], jpeg_refused: str = "") -> None:
    """Register what ImageMagick and GraphicsMagick write: stacks, and sections in their formats."""

    def stack(name, options, dtype="uint8", near=0, refused=""):
        @dialect("TIFF", name, dtype=dtype, near=near, refused=refused)
        def write(folder):
            run(*program, *adjoin, *png_sections(folder, dtype), *options, folder / "a.tif")
            return folder / "a.tif"

    def sections(suffix, options=(), dtype="uint8"):
        @dialect("sections", " ".join([suffix, dtype, *options]), dtype=dtype, near=LOSSY.get(suffix, 0))
        def write(folder):
            (folder / "out").mkdir()
            for z, file in enumerate(png_sections(folder, dtype)):
                run(*program, file, *options, folder / "out" / f"s{z}.{suffix}")
            return folder / "out"

    for packed in ("None", "LZW", "Zip", "RLE", "LZMA", "ZSTD"):
        stack(packed, ["-compress", packed])
    stack("JPEG", ["-compress", "JPEG", "-colorspace", "Gray"], near=40, refused=jpeg_refused)
    stack("uint16, big-endian", ["-endian", "MSB"], "uint16")
    stack("tiles", ["-define", "tiff:tile-geometry=16x16"])
    stack("300 dpi", ["-density", "300", "-units", "PixelsPerInch"])
    for suffix in ("pgm", "pnm", "png", "bmp", "jpg", "jp2", "tif", "webp"):
        sections(suffix)
    for suffix in ("png", "tif", "pgm"):
        sections(suffix, dtype="uint16")
    sections("pgm", ("-compress", "none"), "uint16")
