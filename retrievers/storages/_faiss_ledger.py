"""
The bytes of a FAISS index by component, counted in one that is there, and predicted of one that is not.

A prediction is made from an empty, untrained index: it knows the bytes of a code, the lists, the tables that training
will fill. Nothing of the size of the passages is made.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Any

from retrievers.storages._faiss_index import FaissIndex, library

FLOAT_BYTES, ID_BYTES = 4, 8
LINK_BYTES, OFFSET_BYTES, LEVEL_BYTES = 4, 8, 4  # of a graph
# The parts of a factory whose bytes follow from passages and dimensions; a graph draws its levels, and lists of codes
# in blocks (fs) are each filled up.
FORMULAS = re.compile(
    r"Flat|SQ\w+|PQ\d+(x\d+)?(np)?|PQ\d+x4fs(r)?(_\d+)?|RaBitQ(\d*|fs(_\d+)?)|LSH\w*|IVF\d+|OPQ\d+(_\d+)?|RR\d+|PCA[WR]*\d+|ITQ\d*|"
    r"L2norm|Pad\d+|RFlat|Refine\((Flat|SQ\w+)\)"
)


def is_deterministic(factory: str) -> bool:
    """Whether the bytes of the indexes that a factory makes follow from passages and dimensions."""
    parts = factory.split(",")
    blocks_in_lists = factory.startswith("IVF") and "fs" in factory
    return all(FORMULAS.fullmatch(part) for part in parts) and not blocks_in_lists


def ledger(index: FaissIndex) -> dict[str, int]:
    """Vectors (or their codes), ids, centroids, graph, rescoring; `rest` is what else FAISS would write to a file."""
    parts = dict(_components(index, index.ntotal))
    return parts | {"rest": written_bytes(index) - sum(parts.values())}


def predicted(index: FaissIndex, n: int) -> dict[str, int]:
    """The ledger of an index of n passages, from an empty one that is not trained."""
    rest = written_bytes(index) - sum(_components(index, 0, untrained=True).values())
    return dict(_components(index, n)) | {"rest": rest + _tables(index)}


def written_bytes(index: FaissIndex) -> int:
    """The bytes FAISS would write of an index, counted as they go by."""
    faiss = library()
    lengths: list[int] = []
    faiss.write_index(index, faiss.PyCallbackIOWriter(lambda data: lengths.append(len(data))))
    return sum(lengths)


def _components(index: FaissIndex, n: int, *, untrained: bool = False) -> Counter[str]:
    """
    The bytes of what an index of n passages holds one a vector, one a list or one a link; those of its parts summed.

    untrained: without the centroids, which are there only once the index is trained.
    """
    faiss = library()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        return _components(index.index, n, untrained=untrained)
    if isinstance(index, faiss.IndexRefine):  # codes to find by, and finer vectors to rank by
        finer = sum(_components(index.refine_index, n).values())
        return _components(index.base_index, n, untrained=untrained) + Counter(rescoring=finer)
    if isinstance(index, faiss.IndexHNSW):
        return _components(index.storage, n) + Counter(graph=_graph_bytes(index.hnsw, n))
    if isinstance(index, faiss.IndexIVF):
        centroids = 0 if untrained else sum(_components(index.quantizer, index.nlist).values())
        return Counter(vectors=n * index.code_size, ids=n * ID_BYTES, centroids=centroids)
    if isinstance(index, faiss.IndexPQFastScan):  # in whole blocks, subquantisers in pairs
        return Counter(vectors=-(-n // index.bbs) * index.bbs * (index.M2 // 2))
    if isinstance(index, faiss.IndexRaBitQFastScan):
        return Counter(vectors=-(-n // index.bbs) * index.bbs * index.code_size)
    if isinstance(index, faiss.IndexFlatCodes):
        return Counter(vectors=n * index.code_size)
    return Counter()


def _graph_bytes(hnsw: Any, n: int) -> int:  # Any: of FAISS, which has no types
    """
    The links of a graph, an offset and a level a passage: counted, or expected of an empty one.

    Expected are 2 M links on the lowest level and M on each above, where a passage reaches level l with probability
    M ** -l: M / (M - 1) in all (Malkov and Yashunin 2016, section 4, at FAISS's choice of the normalisation 1 / ln M).
    """
    if hnsw.levels.size():
        links, n = hnsw.neighbors.size(), hnsw.levels.size()
    else:
        lowest, above = hnsw.nb_neighbors(0), hnsw.nb_neighbors(1)
        links = round(n * (lowest + above / max(above - 1, 1)))
    return int(links * LINK_BYTES + (n + 1) * OFFSET_BYTES + n * LEVEL_BYTES)


def _tables(index: FaissIndex) -> int:
    """The bytes that training adds to an index, besides centroids; the codebooks of a PQ are there before."""
    faiss = library()
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        chain = [faiss.downcast_VectorTransform(index.chain.at(i)) for i in range(index.chain.size())]
        return sum(_transform_bytes(each) for each in chain) + _tables(index.index)
    if isinstance(index, faiss.IndexRefine):
        return _tables(index.base_index) + _tables(index.refine_index)
    if isinstance(index, faiss.IndexHNSW):
        return _tables(index.storage)
    lists = 0
    if isinstance(index, faiss.IndexIVF):
        lists = index.nlist * ID_BYTES  # the length of each
    numbers = 0
    if isinstance(index, faiss.IndexRaBitQ):
        numbers = index.d  # the centre
    elif isinstance(index, faiss.IndexLSH):
        numbers = index.nbits if index.train_thresholds else 0
    elif isinstance(index, faiss.IndexScalarQuantizer | faiss.IndexIVFScalarQuantizer):
        numbers = _range_numbers(index.sq)
    return lists + numbers * FLOAT_BYTES


def _range_numbers(quantizer: Any) -> int:  # Any: of FAISS, which has no types
    """Where the numbers of each dimension begin and how far they go: two a dimension, or two in all, or none."""
    faiss = library()
    kinds = faiss.ScalarQuantizer
    if quantizer.qtype in (kinds.QT_8bit, kinds.QT_6bit, kinds.QT_4bit):
        return 2 * int(quantizer.d)
    return 2 if quantizer.qtype in (kinds.QT_8bit_uniform, kinds.QT_4bit_uniform) else 0


def _transform_bytes(transform: Any) -> int:  # Any: of FAISS, which has no types
    """What a transform learns: a matrix, and what it is made of."""
    faiss = library()
    before, after = transform.d_in, transform.d_out
    if isinstance(transform, faiss.PCAMatrix):  # bias; mean, eigenvalues, all eigenvectors
        return int((before * after + after + 2 * before + before * before) * FLOAT_BYTES)
    if isinstance(transform, faiss.ITQTransform):  # mean, rotation, and all of it as one matrix
        return int((before + after * after + before * after) * FLOAT_BYTES)
    if isinstance(transform, faiss.LinearTransform):
        return int((before * after + (after if transform.have_bias else 0)) * FLOAT_BYTES)
    return 0
