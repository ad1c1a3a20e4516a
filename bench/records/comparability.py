"""What differs between the environments of two records, and which of it keeps latencies apart."""

from __future__ import annotations

from pathlib import PurePath

from bench.records.schema import Environment, RunRecord

LIBRARY = "libraries."  # how a library is named among the differences
SAME_MEMORY = 0.02  # share by which the same machine's memory may differ: what firmware and kernel keep for themselves
# Latency is not compared where one of these differs.
HARDWARE = ("cpu", "cpu_stepping", "caches", "governor", "cores", "memory_bytes", "accelerator")
UNKNOWN_BEFORE = ("cpu_stepping", "caches", "affinity", "governor")  # environment/1 has none of them
MOVING = ("mhz", "mhz_end")  # another value each time that it is read


def differences(a: Environment, b: Environment) -> dict[str, tuple[object, object]]:
    """
    Field -> its two values, of every field that differs; a library is `libraries.NAME`.

    Of memory, SAME_MEMORY is no difference: machines of one kind, and one machine after a new kernel, tell a little
    more or less of it. Nor is what one of them does not know, as records of before.
    """
    found: dict[str, tuple[object, object]] = {}
    for name in (field for field in Environment.__struct_fields__ if field not in MOVING):
        one, other = getattr(a, name), getattr(b, name)
        if name == "libraries":
            for library in sorted(one.keys() | other.keys()):
                if one.get(library) != other.get(library):
                    found[f"{LIBRARY}{library}"] = (one.get(library), other.get(library))
        elif name in UNKNOWN_BEFORE and not (one and other):
            continue
        elif one != other and not (name == "memory_bytes" and abs(one - other) <= SAME_MEMORY * max(one, other)):
            found[name] = (one, other)
    return found


def hardware_differences(a: Environment, b: Environment) -> dict[str, tuple[object, object]]:
    """Those of `differences` across which no latency is compared."""
    return {name: pair for name, pair in differences(a, b).items() if name in HARDWARE}


def versioned(name: str, old: object, new: object) -> str:
    """A field that differs, by its name; of Python and of a library with both versions."""
    has_version = name == "python" or name.startswith(LIBRARY)
    return f"{name} {old or 'none'} -> {new or 'none'}" if has_version else name


def plugin_files(record: RunRecord) -> tuple[str, ...]:
    """Name and sha256 of each plug-in file: the same from whatever folder its path was seen."""
    return tuple(sorted(f"{PurePath(path).name} sha256:{sha256}" for path, sha256 in record.plugin_hashes))
