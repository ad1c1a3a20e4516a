"""Parquet: the rows of a table, of which only the columns that are asked for are read. pyarrow is imported on use."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from bench.errors import InputError
from bench.formats.files import Content

SUFFIX = ".parquet"
FREE_ROWS = 1_000_000  # no bomb below
BATCH = 4096  # rows that are Python objects at one time


class Unread(NamedTuple):
    """Stands for a cell of a column that is not read."""

    type: str

    def __repr__(self) -> str:
        return f"a column of {self.type}"


def rows(
    content: Content, wanted: Collection[str], *, numbers: Collection[str] = ()
) -> Iterator[tuple[str, dict[str, object]]]:
    """
    Every row with its place, `path: row number`, from 1.

    A row has every column of the file as a key, so that a message can name them; its cell is a string, an integer or
    None in a column of `wanted`, in whatever case. One of another type is not read, and its cell is `Unread`, which is
    no text.

    numbers: columns whose cells may be floats too.

    Raises InputError without pyarrow, for a damaged file and for two columns of one name.
    """
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ImportError as error:
        raise InputError(
            f"{content.path}: expected pyarrow to read Parquet with, found none: pip install 'sparring[parquet]'"
        ) from error
    number = 0
    try:
        file = ParquetFile(pyarrow.BufferReader(content.data), pre_buffer=False, page_checksum_verification=True)
        _check_rows(content, file.metadata.num_rows)
        names = _names(content, file.schema_arrow)
        sought, counted = ({name.lower() for name in each} for each in (wanted, numbers))
        floats = {name for name, kind in names.items() if name.lower() in counted and pyarrow.types.is_floating(kind)}
        readable = [
            name for name, kind in names.items() if name in floats or (name.lower() in sought and _is_plain(kind))
        ]
        unread: dict[str, object] = {name: Unread(str(kind)) for name, kind in names.items()}
        for batch in file.iter_batches(BATCH, columns=readable, use_threads=False):
            columns = {name: batch.column(name).to_pylist() for name in readable}
            for row in range(batch.num_rows):
                number += 1
                yield f"{content.path}: row {number}", unread | {name: cells[row] for name, cells in columns.items()}
    except (pyarrow.ArrowException, OSError, ValueError) as error:  # ValueError: text that is not UTF-8
        raise InputError(
            f"{content.path}: expected a whole Parquet file, found a damaged one, or no Parquet, after {number} rows "
            f"({error}): get the file anew"
        ) from error


def _check_rows(content: Content, n: int) -> None:
    """InputError for more rows than bytes: no text packs so well, and each becomes an object."""
    if n > max(len(content.data), FREE_ROWS):
        raise InputError(
            f"{content.path}: expected no more rows than its {len(content.data):,} bytes, found {n:,}: it may be "
            f"a bomb; if it is yours, save it as JSON lines"
        )


def _names(content: Content, schema: Any) -> dict[str, Any]:  # Any: pyarrow has no types
    """The file's columns and their types; InputError for two of one name."""
    repeated = [name for name, times in Counter(schema.names).items() if times > 1]
    if repeated:
        raise InputError(
            f"{content.path}: expected every column once, found again: {', '.join(sorted(repeated))}: rename one"
        )
    return {field.name: field.type for field in schema}


def _is_plain(kind: Any) -> bool:  # Any: pyarrow has no types
    """Whether the cells of a column of that type are strings, integers or None."""
    from pyarrow import types

    values = kind.value_type if types.is_dictionary(kind) else kind
    checks = (types.is_string, types.is_large_string, types.is_string_view, types.is_integer, types.is_null)
    return any(check(values) for check in checks)
