"""A picture as PNG, for what shows no SVG."""

from __future__ import annotations

SCALE = 2  # pixels of the PNG for one of the SVG


def png(svg: str) -> bytes:
    """
    A picture in its light colours, at twice its size.

    ImportError, with what to install, where vl-convert-python is missing.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise ImportError("a PNG is made by vl-convert-python, found none: pip install 'sparring[report]'") from error
    return bytes(vl_convert.svg_to_png(svg, scale=SCALE))
