"""What a table rests on, as BibTeX."""

from __future__ import annotations

import re

import pytest

from bench.passages import cards
from bench.report import citations
from tests.helpers.judged import judged_run
from tests.helpers.records import measurement, run_of


def assert_reads(entry: str) -> None:
    """One entry of BibTeX: a kind, a key, and fields in braces that close; who wrote what, and when."""
    assert re.match(r"@(article|inproceedings|misc|techreport)\{[a-z0-9]+,\n", entry), entry
    assert entry.endswith("}\n"), entry
    assert entry.count("{") == entry.count("}"), entry
    assert [] == [name for name in ("author", "title", "year") if f"{name} = {{" not in entry], entry
    assert entry.isascii(), entry


def keys(*resolved: str, measures: tuple[str, ...] = (), passage_set: str = "mine") -> list[str]:
    cells = [
        measurement(resolved=spelling, passage_set=passage_set, quality=dict.fromkeys(measures))
        for spelling in resolved
    ]
    return list(citations.entries([run_of(*cells, measures=list(measures))]))


@pytest.mark.parametrize(
    ("spelling", "expected"),
    [
        ("TfIdf() @ CSR()", ["salton1988term"]),
        ("BM25(k1=0.9) @ CSC()", ["robertson2009probabilistic", "kamphuis2020which"]),
        ("RankBM25()", ["robertson2009probabilistic"]),
        ('BiEncoder("all-MiniLM-L6-v2") @ Flat()', ["reimers2019sentence", "wang2020minilm"]),
        ('BiEncoder("mine") @ Faiss("SQ8")', ["reimers2019sentence", "douze2024faiss"]),
        ('Vectors() @ Faiss("HNSW32", efSearch=64)', ["douze2024faiss", "malkov2020efficient"]),
        ('Vectors() @ Faiss("IVF64,PQ48")', ["douze2024faiss", "jegou2011product"]),
        ('Vectors() @ Faiss("RaBitQ", qb=0)', ["douze2024faiss", "gao2024rabitq"]),
        ("Vectors() @ Usearch()", ["malkov2020efficient"]),
        ("Mine()", []),
    ],
)
def test_what_a_retriever_is_made_of_is_cited(spelling, expected):
    """
    Models and storages are found in the resolved spelling; a stranger's have no source that is known here.
    """
    assert expected == keys(spelling)


def test_measures_are_cited_once():
    """
    Measures of one name share a source whatever their cut-off; all were computed by ir-measures.
    """
    found = keys("Mine()", "Mine(1)", measures=("nDCG@10", "nDCG@5", "RR@10", "R@10"))

    assert ["jarvelin2002cumulated", "voorhees1999trec", "macavaney2022streamlining"] == found


def test_sets_come_first_by_their_cards():
    """
    A shipped set is cited as its card has it, every paper of it; two sets of one paper share it.
    """
    cells = [
        measurement(resolved="M()", passage_set=name, passage_set_sha256=name)
        for name in ("scifact", "xquad-en", "xquad-de")
    ]

    found = list(citations.entries([run_of(*cells, measures=[])]))

    assert ["wadden2020fact", "thakur2021beir", "artetxe2020cross"] == found[:3]
    assert 1 == found.count("artetxe2020cross")


def test_a_set_of_ones_own_is_cited_as_it_says(tmp_path):
    """
    BibTeX that came with a set is taken, a sentence becomes a note, and without either the card of its name speaks.
    """
    texts = ["@misc{own,\n  title = {Of my own}\n}", "Me 2026, 50 % & more", ""]
    runs = [judged_run(tmp_path / str(n), {"M()": [1.0]}, citation=text) for n, text in enumerate(texts)]

    own, sentence, none = (citations.entries([run]) for run in runs)

    assert texts[0] + "\n" == own["own"]
    assert "@misc{primer,\n  title = {Primer},\n  note = {Me 2026, 50 \\% \\& more}\n}\n" == sentence["primer"]
    assert "Written for Sparring" in none["primer"]


@pytest.mark.parametrize(
    "bibtex",
    [
        "@misc{own,\n  title = {\\input{/etc/passwd}}\n}",
        "@misc{own,\n  title = {^^5cinput{x}}\n}",
        "@misc{own,\n  title = {a}\n}\n\\end{filecontents}\\input{x}",
        "@misc{}\\input{x},\n  title = {a}\n}",
        "@preamble{{\\immediate\\write18{x}}}",
        "@misc{own,\n  title = {\\vbox{a}}\n}",
        "@ me",
    ],
)
def test_what_could_do_more_than_be_set_is_a_note(tmp_path, bibtex):
    """
    BibTeX of a stranger's that has a command of TeX's, or a key that is none, is cited as the text that it is.
    """
    run = judged_run(tmp_path, {"M()": [1.0]}, citation=bibtex)

    found = citations.entries([run])

    assert "primer" == next(iter(found))
    assert "own" not in found
    assert not re.search(r"\\(input|immediate|write|vbox|end)|\^\^|\\[{}]", found["primer"])
    assert found["primer"].count("{") == found["primer"].count("}")


def test_accents_of_a_stranger_are_kept(tmp_path):
    """
    Accents and escaped signs are all that names and titles need: such BibTeX is taken as it is.
    """
    bibtex = "@article{j.2020-a:b,\n  author = {J{\\'e}gou, H\\u{a} and \\O{}re},\n  title = {A \\& B}\n}\n"

    assert bibtex == citations.entries([judged_run(tmp_path, {"M()": [1.0]}, citation=bibtex)])["j.2020-a:b"]


def test_every_card_with_a_paper_has_bibtex():
    """
    The BibTeX of every card reads as such, and has the year and the title that its citation tells.
    """
    for name in cards.names():
        card = cards.card(name)
        if not card.bibtex:
            assert "Written for Sparring" in card.citation, name
            continue
        entries = citations._split(card.bibtex)
        assert entries, name
        for entry in entries.values():
            assert_reads(entry)
            title = re.search(r"title = \{(.*)\}", entry)[1].replace("{", "").replace("}", "")
            assert title.lower() in card.citation.lower(), name
            assert re.search(r"year = \{(\d+)\}", entry)[1] in card.citation + "2022", name


def test_every_work_reads_as_bibtex():
    """
    Every work that may be cited is an entry of its own in ASCII, and every key that is named has one.
    """
    works = citations._split(citations.WORKS)
    named = {key for _, found in citations.PARTS for key in found} | {*citations.MEASURES.values(), citations.TOOL}

    assert named == set(works)
    for entry in works.values():
        assert_reads(entry)
