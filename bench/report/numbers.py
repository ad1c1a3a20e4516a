"""How numbers are written for a reader."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bench.progress import Range

MISSING = "-"
SMALLEST = -4  # power of ten of a price that is written


def duration(seconds: float) -> str:
    """`45 s`, `3 min`, `2 h 5 min`."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def between(seconds: Range) -> str:
    """`3 min (2 to 4 min)`; of what is not known `unknown, at least 3 min`."""
    if seconds.likely is None or seconds.high is None:
        return f"unknown, at least {duration(seconds.low)}"
    low, high = duration(seconds.low), duration(seconds.high)
    if low == high:
        return duration(seconds.likely)
    unit = high.rpartition(" ")[2]
    low = low.removesuffix(f" {unit}") if low.count(" ") == high.count(" ") == 1 else low
    return f"{duration(seconds.likely)} ({low} to {high})"


def significant(value: float) -> str:
    """Three significant digits, at most four decimals: 0.0412, 3.98, 123, 12,300."""
    rounded = float(f"{value:.3g}")
    if 0 < abs(rounded) < 5e-5:
        return "<0.0001"
    decimals = next((d for d, least in enumerate((100, 10, 1, 0.1)) if abs(rounded) >= least), 4)
    return f"{rounded:,.{decimals}f}" if rounded else "0"


def money(value: float) -> str:
    """A price, three significant digits down to a ten-thousandth: 12,300, 3.98, 0.000412."""
    if not 0 < value < 1:
        return significant(value)
    exponent = int(f"{value:.2e}".partition("e")[2])
    return "<0.0001" if exponent < SMALLEST else f"{value:.{2 - exponent}f}"


def megabytes(value: float) -> str:
    """Bytes as MB (10^6), three significant digits."""
    return significant(value / 1e6)


def sized(value: float) -> str:
    """Bytes in the unit that suits them, three significant digits: 12.3 GB, 404 MB, 1.50 kB, 12 B."""
    for unit, scale in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if round(value / scale, 3) >= 1:
            return f"{significant(value / scale)} {unit}"
    return f"{value:.0f} B"


def without_zero(written: str) -> str:
    """A number without the zero before its point: .645, -.02, +.3; 10.2 as it is."""
    return re.sub(r"^([+-]?)0\.", r"\1.", written)


def share(value: float) -> str:
    """A measure between 0 and 1, three decimals without the leading zero: .645, 1.000."""
    return without_zero(f"{value:.3f}")


def bounds(interval: tuple[float, float], text: Callable[[float], str]) -> str:
    """An interval, its ends written as its value is: [.701, .785]."""
    return f"[{text(interval[0])}, {text(interval[1])}]"


def four(value: float | None, sign: str = "") -> str:
    """Four decimals without the leading zero, as figures are published: .6451, +.0012."""
    return MISSING if value is None else without_zero(f"{value:{sign}.4f}")


def whole(value: float) -> str:
    """A count: 12,345."""
    return f"{value:,.0f}"


def change(value: float) -> str:
    """A share by which something is more or less: +7%."""
    return f"{value:+.0%}"
