"""A clock that only moves when told."""

from __future__ import annotations

MS = 1_000_000  # nanoseconds
SECOND = 1_000 * MS


class Clock:
    """Time passes in work and in sleep, and no other way; the nanoseconds that each query takes, in order."""

    def __init__(self, *service: int) -> None:
        self.now = 12_345
        self.service = service or (MS,)
        self.asked: list[int] = []

    def __call__(self) -> int:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += round(seconds * SECOND)

    def ask(self, query: int) -> None:
        self.now += self.service[len(self.asked) % len(self.service)]
        self.asked.append(query)
