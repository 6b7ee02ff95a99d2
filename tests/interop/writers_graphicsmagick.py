"""GraphicsMagick's convert."""

from programs import magick_dialects, version_of
from writers_kit import main

magick_dialects(["gm", "convert"], ["-adjoin"], jpeg_refused="grey values are needed")  # it makes colours of them
main("GraphicsMagick", version_of("gm", "-version"))
