"""What a calibration came to: one record, one sentence."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from bench.calibration import figures, quiet
from bench.calibration.figures import KnownFigure
from bench.calibration.quiet import Noise
from bench.records.schema import Environment


class Calibration(msgspec.Struct, frozen=True, kw_only=True):
    """One calibration of one machine."""

    findings: tuple[Noise, ...]
    figures: tuple[KnownFigure, ...]
    environment: Environment
    seconds: float

    @property
    def off(self) -> list[str]:
        """The figures of instruments that are off."""
        return with_verdict(self.figures, "off")

    @property
    def undecided(self) -> list[str]:
        return with_verdict(self.figures, "not decided")

    @property
    def sentence(self) -> str:
        """What a reader does with the numbers of this machine."""
        noisy = quiet.noisy(self.findings)
        not_quiet = f"Not quiet ({', '.join(noisy)})" if noisy else "Quiet"
        if self.off:
            said = "an instrument is off" if len(self.off) == 1 else "instruments are off"
            return f"{not_quiet}, and {said}: {', '.join(self.off)}: do not trust such figures here."
        if self.undecided:
            return (
                f"{not_quiet}, and the machine was too busy to decide on {', '.join(self.undecided)}: "
                "times here are to be read with care, quality and bytes hold."
            )
        if noisy:
            return (
                f"{not_quiet}: times here are to be read with care; the instruments are true, quality and bytes hold."
            )
        return "Quiet and true: times, bytes and quality hold here."

    def as_json(self) -> dict[str, object]:
        """Everything, as one object: what is computed from the fields beside them."""
        return {
            "sentence": self.sentence,
            "quiet": not quiet.noisy(self.findings),
            "true": None if self.undecided and not self.off else not self.off,  # None: not decided
            "findings": msgspec.to_builtins(self.findings),
            "figures": [
                msgspec.to_builtins(figure) | {"difference": figure.difference, "verdict": figure.verdict}
                for figure in self.figures
            ],
            "seconds": self.seconds,
            "environment": msgspec.to_builtins(self.environment),
        }


def with_verdict(found: Sequence[KnownFigure], verdict: figures.Verdict) -> list[str]:
    """The names of the figures that have a verdict."""
    return [figure.name for figure in found if figure.verdict == verdict]
