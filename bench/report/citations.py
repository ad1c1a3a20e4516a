"""What a table rests on, as BibTeX: its passage sets (from their cards), models, storages, and measures."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence

from bench.instruments import quality
from bench.passages import cards, splits
from bench.records.run_folder import Run, read_set, set_file
from bench.records.schema import Measurement
from bench.report import rows as flat
from bench.report.render.latex_text import escaped

ENTRY = re.compile(r"^@\w+\{([\w:.+/-]+),", re.MULTILINE | re.ASCII)
HEAD = re.compile(r"^\s*@", re.MULTILINE)
# All that a stranger's BibTeX may have of TeX: accents, letters that no keyboard has, and escaped signs. Any other
# command could read a file or run one where the document is compiled.
ACCENT = re.compile(r"""\\(?:[`'^"~=.&%$#_ -]|(?:[vuHcdbkrtijoOlL]|aa|AA|ae|AE|oe|OE|ss)(?![A-Za-z]))""")

# What is found in a retriever's resolved spelling -> keys of WORKS
PARTS = (
    (r"\bTfIdf\(", ("salton1988term",)),
    (r"\bBM25\(", ("robertson2009probabilistic", "kamphuis2020which")),
    (r"\bRankBM25\(", ("robertson2009probabilistic",)),
    (r"\bBiEncoder\(", ("reimers2019sentence",)),
    (r"MiniLM", ("wang2020minilm",)),
    (r"\bFaiss\(", ("douze2024faiss",)),
    (r"\bFaiss\([^)]*HNSW|\bUsearch\(", ("malkov2020efficient",)),
    (r"\bFaiss\([^)]*\bPQ\d", ("jegou2011product",)),
    (r"\bFaiss\([^)]*RaBitQ", ("gao2024rabitq",)),
)
MEASURES = {"nDCG": "jarvelin2002cumulated", "RR": "voorhees1999trec"}  # by a measure's name, without its cut-off
TOOL = "macavaney2022streamlining"  # names and computes the measures
WORKS = r"""
@article{salton1988term,
  author = {Salton, Gerard and Buckley, Christopher},
  title = {Term-weighting approaches in automatic text retrieval},
  journal = {Information Processing \& Management},
  volume = {24}, number = {5}, pages = {513--523}, year = {1988}
}
@article{robertson2009probabilistic,
  author = {Robertson, Stephen and Zaragoza, Hugo},
  title = {The Probabilistic Relevance Framework: {BM25} and Beyond},
  journal = {Foundations and Trends in Information Retrieval},
  volume = {3}, number = {4}, pages = {333--389}, year = {2009}
}
@inproceedings{kamphuis2020which,
  author = {Kamphuis, Chris and de Vries, Arjen P. and Boytsov, Leonid and Lin, Jimmy},
  title = {Which {BM25} Do You Mean? {A} Large-Scale Reproducibility Study of Scoring Variants},
  booktitle = {Advances in Information Retrieval (ECIR)},
  year = {2020}
}
@inproceedings{reimers2019sentence,
  author = {Reimers, Nils and Gurevych, Iryna},
  title = {Sentence-{BERT}: Sentence Embeddings using {S}iamese {BERT}-Networks},
  booktitle = {Proceedings of EMNLP-IJCNLP},
  pages = {3982--3992}, year = {2019}
}
@inproceedings{wang2020minilm,
  author = {Wang, Wenhui and Wei, Furu and Dong, Li and Bao, Hangbo and Yang, Nan and Zhou, Ming},
  title = {{MiniLM}: Deep Self-Attention Distillation for Task-Agnostic Compression of Pre-Trained Transformers},
  booktitle = {Advances in Neural Information Processing Systems},
  volume = {33}, year = {2020}
}
@article{douze2024faiss,
  author = {Douze, Matthijs and Guzhva, Alexandr and Deng, Chengqi and Johnson, Jeff and Szilvasy, Gergely
    and Mazar{\'e}, Pierre-Emmanuel and Lomeli, Maria and Hosseini, Lucas and J{\'e}gou, Herv{\'e}},
  title = {The {Faiss} library},
  journal = {arXiv preprint arXiv:2401.08281},
  year = {2024}
}
@article{malkov2020efficient,
  author = {Malkov, Yu A. and Yashunin, Dmitry A.},
  title = {Efficient and Robust Approximate Nearest Neighbor Search Using Hierarchical Navigable Small World Graphs},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {42}, number = {4}, pages = {824--836}, year = {2020}
}
@article{jegou2011product,
  author = {J{\'e}gou, Herv{\'e} and Douze, Matthijs and Schmid, Cordelia},
  title = {Product Quantization for Nearest Neighbor Search},
  journal = {IEEE Transactions on Pattern Analysis and Machine Intelligence},
  volume = {33}, number = {1}, pages = {117--128}, year = {2011}
}
@article{gao2024rabitq,
  author = {Gao, Jianyang and Long, Cheng},
  title = {{RaBitQ}: Quantizing High-Dimensional Vectors with a Theoretical Error Bound for Approximate Nearest
    Neighbor Search},
  journal = {Proceedings of the ACM on Management of Data},
  volume = {2}, number = {3}, year = {2024}
}
@article{jarvelin2002cumulated,
  author = {J{\"a}rvelin, Kalervo and Kek{\"a}l{\"a}inen, Jaana},
  title = {Cumulated gain-based evaluation of {IR} techniques},
  journal = {ACM Transactions on Information Systems},
  volume = {20}, number = {4}, pages = {422--446}, year = {2002}
}
@inproceedings{voorhees1999trec,
  author = {Voorhees, Ellen M.},
  title = {The {TREC-8} Question Answering Track Report},
  booktitle = {Proceedings of the Eighth Text REtrieval Conference (TREC-8)},
  pages = {77--82}, year = {1999}
}
@inproceedings{macavaney2022streamlining,
  author = {MacAvaney, Sean and Macdonald, Craig and Ounis, Iadh},
  title = {Streamlining Evaluation with ir-measures},
  booktitle = {Advances in Information Retrieval (ECIR)},
  year = {2022}
}
"""


def entries(runs: Sequence[Run]) -> dict[str, str]:
    """
    BibTeX by its key: of the passage sets, then of what the retrievers are made of, then of the measures.

    A set without BibTeX of its own is cited by its title and what its card says; one without any citation is left out.
    """
    found: dict[str, str] = {}
    sets: dict[str, tuple[Run, Measurement]] = {}
    for run in runs:
        for m in run.measurements:
            sets.setdefault(m.passage_set_sha256, (run, m))
    for where in sets.values():
        found |= _split(_of_set(*where))
    works = _split(WORKS)
    return found | {key: works[key] for key in _used(runs)}


def _used(runs: Sequence[Run]) -> Iterator[str]:
    """Keys of WORKS."""
    spelled = "\n".join(m.resolved for run in runs for m in run.measurements)
    for pattern, keys in PARTS:
        yield from keys if re.search(pattern, spelled) else ()
    measures = flat.measures(runs)
    names = {quality.parse(measure)[0] for measure in measures}
    yield from (key for name, key in MEASURES.items() if name in names)
    yield from (TOOL,) if measures else ()


def _of_set(run: Run, m: Measurement) -> str:
    """The BibTeX of a passage set: its own, its card's, or what can be said of it; empty where nothing can."""
    title, citation = m.passage_set, ""
    if set_file(run.folder, m.passage_set).is_file():
        kept = read_set(run.folder, m.passage_set, judged=False)
        title, citation = kept.title, kept.citation
    if _is_harmless(citation):
        return citation
    if (whole := splits.whole(m.passage_set)) in cards.names():
        card = cards.card(whole)
        title, citation = (title, citation) if citation else (card.title, card.citation)
        if card.bibtex and citation == card.citation:  # else a set of one's own that has a shipped one's name
            return card.bibtex
    key = re.sub(r"\W+", "-", m.passage_set, flags=re.ASCII).strip("-") or "passages"
    return f"@misc{{{key},\n  title = {{{_field(title)}}},\n  note = {{{_field(citation)}}}\n}}\n" if citation else ""


def _is_harmless(bibtex: str) -> bool:
    """Whether this is BibTeX whose every entry has a plain key, and that can do nothing but be set."""
    is_told = len(HEAD.findall(bibtex)) == len(ENTRY.findall(bibtex)) > 0
    rest = ACCENT.sub("", bibtex)
    return is_told and bibtex.lstrip().startswith("@") and "\\" not in rest and "^^" not in rest


def _field(text: str) -> str:
    """Any text between the braces of a field: BibTeX counts a brace even where TeX would have it escaped."""
    return escaped(text).replace(r"\{", r"\textbraceleft{}").replace(r"\}", r"\textbraceright{}")


def _split(text: str) -> dict[str, str]:
    """Several entries by their keys."""
    starts = [*(match.start() for match in ENTRY.finditer(text)), len(text)]
    parts = (text[start:end].strip() + "\n" for start, end in itertools.pairwise(starts))
    return {match[1]: part for part in parts if (match := ENTRY.match(part))}
