"""The library FAISS, and the options of its indexes: set by its names, and read again from an index that was saved."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

FaissIndex: TypeAlias = Any  # FAISS has no types


def library() -> Any:  # Any: FAISS has no types
    """The module; ImportError with the remedy where it is not installed."""
    try:
        import faiss
    except ImportError as error:
        raise ImportError("Faiss needs the package faiss-cpu: pip install 'sparring[dense]'") from error
    return faiss


def set_option(index: FaissIndex, name: str, value: int) -> None:
    """Set an option of an index; RuntimeError where it has none of that name."""
    searched = candidate_index(index)
    if name != "qb":
        library().ParameterSpace().set_index_parameter(searched, name, value)
        return
    if not hasattr(searched, "qb"):
        raise RuntimeError("its codes are not those of RaBitQ")
    if value == 0 and "FastScan" in type(searched).__name__:
        raise RuntimeError("its scan rounds queries: from 1")
    searched.qb = value


def copy_search_options(model: FaissIndex, index: FaissIndex) -> None:
    """Set the search options of an index to those of a new one of the same factory: a saved index may hold others."""
    model, searched = candidate_index(model), candidate_index(index)
    for name in ("nprobe", "qb"):
        if hasattr(model, name):
            setattr(searched, name, getattr(model, name))
    if hasattr(model, "hnsw"):
        searched.hnsw.efSearch = model.hnsw.efSearch


def candidate_index(index: FaissIndex) -> FaissIndex:
    """The index inside that finds the candidates, without transforms before it and rescoring after it."""
    faiss = library()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        return candidate_index(index.index)
    return candidate_index(index.base_index) if isinstance(index, faiss.IndexRefine) else index


@contextmanager
def one_thread(wanted: bool) -> Iterator[None]:
    """FAISS on one thread inside, where wanted."""
    faiss = library()
    threads = faiss.omp_get_max_threads()
    if wanted:
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


@contextmanager
def refused_as(error: type[ValueError], said: str) -> Iterator[None]:
    """What FAISS refuses inside is raised as this error: said, and then what FAISS says."""
    try:
        yield
    except RuntimeError as refused:
        raise error(f"{said}; FAISS says: {reason(refused)}") from refused


def reason(error: RuntimeError) -> str:
    """What FAISS says is wrong, without where in its sources it says so."""
    return re.sub(r"^Error in .* at \S+: ", "", str(error), flags=re.DOTALL)
