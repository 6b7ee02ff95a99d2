"""ImageMagick's convert."""

from programs import magick_dialects, version_of
from writers_kit import main

magick_dialects(["convert"], [])
main("ImageMagick", version_of("convert", "-version"))
