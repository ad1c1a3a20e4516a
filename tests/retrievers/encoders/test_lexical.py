"""Lexical encoders: TF-IDF as scikit-learn has it, BM25 as its formulas say."""

import gzip
import json
import math
import os
import sys
from pathlib import Path

import ir_measures
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_array

from retrievers.analysers import CharNGrams, Whitespace, Words, fingerprint
from retrievers.contract import Accountable, Descriptive, Encoder, Persistent, top_k
from retrievers.encoders.lexical import BM25, TfIdf, count_terms
from retrievers.registry import installed, parse, resolved

PASSAGES = ["the cat sat", "the dog sat on the cat", "the bird", ""]
every_encoder = pytest.mark.parametrize("make", [TfIdf, BM25])
DATA = os.environ.get("SPARRING_DATA")


def is_canonical(matrix: csr_array) -> bool:
    """Float32, columns ascending within each row (so none twice), every stored number other than zero."""
    rows = np.split(matrix.indices, matrix.indptr[1:-1])
    return (
        matrix.dtype == np.float32
        and all((np.diff(row) > 0).all() for row in rows)
        and bool((matrix.data != 0).all())
        and bool(np.isfinite(matrix.data).all())
    )


def weights_of(encoder: BM25 | TfIdf, text: str, role: str = "passage") -> dict[str, float]:
    """Term -> weight of one text, to four digits."""
    (row,) = encoder.encode([text], role).toarray()
    return {term: round(float(row[column]), 4) for term, column in encoder.vocabulary.items() if row[column]}


class TestCountTerms:
    def test_counts_and_lengths(self):
        """
        Terms of the vocabulary are counted, others only add to the length.
        """
        matrix, lengths = count_terms([["b", "x", "a", "b"], [], ["x"]], {"a": 0, "b": 1, "c": 2})

        assert [[1, 2, 0], [0, 0, 0], [0, 0, 0]] == matrix.toarray().tolist()
        assert [4, 0, 1] == lengths.tolist()
        assert is_canonical(matrix)


class TestLexicalEncoder:
    @every_encoder
    def test_protocols(self, make):
        """
        A lexical encoder can be saved, knows its bytes and describes itself.
        """
        assert isinstance(make(), Encoder)
        assert isinstance(make(), Persistent)
        assert isinstance(make(), Accountable)
        assert isinstance(make(), Descriptive)

    @pytest.mark.parametrize(
        "spelling",
        [
            "BM25()",
            'BM25(k1=1.2, b=0.75, variant="atire", analyser=CharNGrams(n=3))',
            "TfIdf(ngrams=2, sublinear=True, analyser=Words(stop=False))",
        ],
    )
    def test_spelling(self, spelling):
        """
        The print is the spelling, only the options count for equality, and what was learned does not.
        """
        encoder = parse(spelling, installed())
        encoder.fit(PASSAGES)

        assert spelling == repr(encoder)
        assert parse(spelling, installed()) == encoder

    def test_analyser_follows_the_language(self):
        """
        An analyser left at its default can be set from outside; one that was chosen stays.
        """
        defaults = {"analyser": CharNGrams(2)}

        assert BM25(analyser=CharNGrams(2)) == resolved(BM25(), defaults)
        assert TfIdf(analyser=Words("de")) == resolved(TfIdf(analyser=Words("de")), defaults)

    @every_encoder
    def test_english_when_alone(self, make):
        """
        Used alone, an encoder left at its default reads English.
        """
        encoder = make()
        encoder.fit(["The boxer's gloves", "gloves"])

        assert ["boxer", "glove"] == list(encoder.vocabulary)

    @every_encoder
    def test_columns_are_the_sorted_terms(self, make):
        """
        The columns do not depend on the order of the passages.
        """
        encoder, other = make(analyser=Whitespace()), make(analyser=Whitespace())
        encoder.fit(PASSAGES)
        other.fit(PASSAGES[::-1])

        assert {"bird": 0, "cat": 1, "dog": 2, "on": 3, "sat": 4, "the": 5} == encoder.vocabulary
        assert encoder.vocabulary == other.vocabulary

    @every_encoder
    def test_unknown_terms_are_dropped(self, make):
        """
        A text's terms that no fitted passage has are not in its vector, which may be empty.
        """
        encoder = make(analyser=Whitespace())
        encoder.fit(PASSAGES)

        queries = encoder.encode(["fox", "", "cat fox", "cat"], "query")

        assert [0, 0, 1, 1] == np.diff(queries.indptr).tolist()
        assert queries.toarray()[2].tolist() == queries.toarray()[3].tolist()

    @every_encoder
    @pytest.mark.parametrize("passages", [[], [""], ["", "..."]])
    def test_nothing_to_learn(self, make, passages):
        """
        A collection that is empty, or whose passages are, has no vocabulary, and vectors without a column.
        """
        encoder = make()
        encoder.fit(passages)

        assert (len(passages), 0) == encoder.encode(passages, "passage").shape
        assert (2, 0) == encoder.encode(["", "cat"], "query").shape
        assert (0, 0) == encoder.encode([], "query").shape

    @every_encoder
    @pytest.mark.parametrize("options", [{}, {"analyser": CharNGrams(1)}])
    @given(passages=st.lists(st.text("ab 가.\u0301", max_size=12), max_size=6), query=st.text("abc 나", max_size=8))
    @settings(deadline=None, max_examples=50)
    def test_vectors_are_canonical(self, make, options, passages, query):
        """
        Whatever the texts: float32, columns sorted, none twice, no stored zero, everything finite.
        """
        encoder = make(**options)
        encoder.fit(passages)

        assert is_canonical(encoder.encode(passages, "passage"))
        assert is_canonical(encoder.encode([query], "query"))
        assert is_canonical(encoder.encode([query], "passage"))

    @every_encoder
    def test_batches_do_not_matter(self, make):
        """
        A text has the same vector alone and among others.
        """
        encoder = make(analyser=Whitespace())
        encoder.fit(PASSAGES)

        together = encoder.encode(PASSAGES, "passage").toarray()
        alone = [encoder.encode([passage], "passage").toarray()[0] for passage in PASSAGES]

        assert together.tolist() == np.array(alone).tolist()

    @every_encoder
    def test_unfitted(self, make, tmp_path):
        """
        An encoder that knows no passages says what to call, and has no vocabulary to describe.
        """
        with pytest.raises(RuntimeError, match=r"call fit\(passages\) or load first"):
            make().encode(["cat"], "query")
        with pytest.raises(RuntimeError, match=r"call fit\(passages\) first"):
            make().save(tmp_path)
        assert make().describe()["vocabulary"] is None

    @pytest.mark.parametrize(
        "options", [(TfIdf, {"ngrams": 2}), (BM25, {"k1": 1.2}), (BM25, {"variant": "robertson"})], ids=str
    )
    def test_saved_and_loaded(self, options, tmp_path):
        """
        A loaded encoder gives the very vectors of the saved one, without the passages, whatever its terms hold.
        """
        make, chosen = options
        passages = [*PASSAGES, 'quote"d \\n \ud800 \ud83e\udd4a 가나 \u0085x']
        saved = make(**chosen, analyser=Whitespace())
        saved.fit(passages)
        saved.save(tmp_path / "encoder")

        loaded = make(**chosen, analyser=Whitespace())
        loaded.load(tmp_path / "encoder")

        assert saved.vocabulary == loaded.vocabulary
        for role in ("passage", "query"):
            expected, found = saved.encode(passages, role), loaded.encode(passages, role)
            assert 0 == abs(expected - found).sum()
            assert expected.nnz == found.nnz > 0

    def test_load_wants_the_same_options(self, tmp_path):
        """
        What was saved by an encoder with other options is refused, both named.
        """
        saved = BM25()
        saved.fit(PASSAGES)
        saved.save(tmp_path)

        with pytest.raises(ValueError, match=r"saved by BM25\(analyser=CharNGrams\(\)\), found BM25\(\)"):
            BM25(analyser=CharNGrams()).load(tmp_path)

    @every_encoder
    def test_ledger(self, make):
        """
        The ledger counts the vocabulary's table, terms and numbers, and four bytes an idf.
        """
        encoder = make(analyser=Whitespace())
        encoder.fit(PASSAGES)

        ledger = encoder.ledger()

        letters = len("birdcatdogonsatthe")  # a byte each
        objects = 6 * sys.getsizeof("") + letters + sum(sys.getsizeof(column) for column in range(6))
        assert {"vocabulary": sys.getsizeof(encoder.vocabulary) + objects, "idf": 6 * 4} == ledger

    @every_encoder
    def test_description(self, make):
        """
        The facts are the size of the vocabulary and which analyser made it, by spelling and by fingerprint.
        """
        encoder = make()
        encoder.fit(["the cat", "cats"])

        assert {
            "vocabulary": 1,
            "analyser": "Words()",
            "analyser_fingerprint": fingerprint(Words()),
        } == encoder.describe()


class TestTfIdf:
    @pytest.mark.parametrize("sublinear", [False, True])
    @pytest.mark.parametrize("ngrams", [1, 2, 3])
    @pytest.mark.parametrize("analyser", [Words(), Whitespace(), CharNGrams(2)], ids=repr)
    def test_weights_are_scikit_learns(self, sublinear, ngrams, analyser):
        """
        With the same tokens, terms and weights are those of scikit-learn's TfidfVectorizer, to 1e-6.
        """
        from sklearn.feature_extraction.text import TfidfVectorizer

        passages = ["A cat, a cat and a dog", "the dog chased the cat's tail", "birds sing; birds fly", "", "cat"]
        queries = ["a cat sings", "dog dog dog bird", "fox", ""]
        reference = TfidfVectorizer(
            tokenizer=analyser, token_pattern=None, lowercase=False, ngram_range=(1, ngrams), sublinear_tf=sublinear
        )
        expected = reference.fit_transform(passages)

        encoder = TfIdf(analyser=analyser, ngrams=ngrams, sublinear=sublinear)
        encoder.fit(passages)

        assert reference.vocabulary_ == encoder.vocabulary
        np.testing.assert_allclose(encoder.encode(passages, "passage").toarray(), expected.toarray(), atol=1e-6, rtol=0)
        found = encoder.encode(queries, "query").toarray()
        np.testing.assert_allclose(found, reference.transform(queries).toarray(), atol=1e-6, rtol=0)

    def test_weights_by_hand(self):
        """
        A weight is tf * (ln((1 + n) / (1 + df)) + 1), divided by the length of the vector.
        """
        encoder = TfIdf(analyser=Whitespace())
        encoder.fit(["a a b", "a"])

        a, b = 2 * 1.0, 1 * (math.log(3 / 2) + 1)
        assert {"a": round(a / math.hypot(a, b), 4), "b": round(b / math.hypot(a, b), 4)} == weights_of(
            encoder, "a a b"
        )

    def test_ngrams_is_at_least_one(self):
        """
        Runs of no token are refused.
        """
        with pytest.raises(ValueError, match="expected ngrams to be at least 1, found 0"):
            TfIdf(ngrams=0)


class TestBM25:
    # n = 4, mean length 11 / 4; "cat" is in 2 passages, "dog" in 1, "the" in 3.
    @pytest.mark.parametrize(
        ("variant", "idf", "boost"),
        [
            ("lucene", lambda df: math.log(1 + (4 - df + 0.5) / (df + 0.5)), 1),
            ("robertson", lambda df: math.log((4 - df + 0.5) / (df + 0.5)), 1),
            ("atire", lambda df: math.log(4 / df), 1 + 0.9),
        ],
    )
    def test_weights_by_hand(self, variant, idf, boost):
        """
        A passage's weight is idf * tf / (tf + k1 (1 - b + b length / mean length)), in ATIRE times k1 + 1.
        """
        encoder = BM25(variant=variant, analyser=Whitespace())
        encoder.fit(PASSAGES)

        norm = 0.9 * (1 - 0.4 + 0.4 * 6 / (11 / 4))
        expected = {
            term: round(idf(df) * boost * tf / (tf + norm), 4)
            for term, df, tf in [("cat", 2, 1), ("dog", 1, 1), ("on", 1, 1), ("sat", 2, 1), ("the", 3, 2)]
        }
        assert {term: weight for term, weight in expected.items() if weight} == weights_of(encoder, PASSAGES[1])

    def test_queries_count(self):
        """
        A query's vector has the counts of its terms.
        """
        encoder = BM25(analyser=Whitespace())
        encoder.fit(PASSAGES)

        assert {"cat": 2.0, "dog": 1.0} == weights_of(encoder, "cat dog cat fox", "query")

    @pytest.mark.parametrize("variant", ["robertson", "atire"])
    def test_a_weight_of_zero_is_not_kept(self, variant):
        """
        A term whose idf is zero is in no passage's vector.
        """
        everywhere = {"robertson": ["a b", "c"], "atire": ["a b a", "a"]}[variant]
        encoder = BM25(variant=variant, analyser=Whitespace())
        encoder.fit(everywhere)

        matrix = encoder.encode(everywhere, "passage")

        assert 0 == matrix[:, [encoder.vocabulary["a"]]].nnz
        assert is_canonical(matrix)

    def test_robertson_can_be_negative(self):
        """
        Robertson's idf is negative for a term in more than half of the passages, and kept so.
        """
        encoder = BM25(variant="robertson", analyser=Whitespace())
        encoder.fit(["a b", "a", "a"])

        assert weights_of(encoder, "a b")["a"] < 0 < weights_of(encoder, "a b")["b"]

    def test_new_passages_have_the_statistics_of_the_fitted(self):
        """
        A passage that was not fitted is weighed with the idf and mean length of those that were.
        """
        encoder = BM25(analyser=Whitespace())
        encoder.fit(PASSAGES)

        norm = 0.9 * (1 - 0.4 + 0.4 * 2 / (11 / 4))  # unknown tokens count in its length
        assert {"dog": round(math.log(1 + 3.5 / 1.5) / (1 + norm), 4)} == weights_of(encoder, "dog fox")

    def test_without_saturation_or_length(self):
        """
        k1 = 0 leaves the idf alone, and b = 0 leaves the length out.
        """
        flat, unscaled = BM25(k1=0, analyser=Whitespace()), BM25(b=0, analyser=Whitespace())
        flat.fit(PASSAGES)
        unscaled.fit(PASSAGES)

        assert {"cat": round(math.log(2), 4)} == weights_of(flat, "cat cat")
        assert {"cat": round(math.log(2) * 2 / 2.9, 4)} == weights_of(unscaled, "cat cat fox fox fox")

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"k1": -0.1}, "expected k1 to be a number from 0, found -0.1"),
            ({"k1": math.nan}, "expected k1 to be a number from 0, found nan"),
            ({"k1": math.inf}, "expected k1 to be a number from 0, found inf"),
            ({"b": 1.1}, "expected b to be from 0 to 1, found 1.1"),
            ({"b": -0.1}, "expected b to be from 0 to 1, found -0.1"),
            ({"variant": "plus"}, "expected variant to be one of lucene, robertson, atire, found 'plus'"),
        ],
    )
    def test_options_are_checked(self, options, message):
        """
        An option out of its range is refused, with what was expected and found.
        """
        with pytest.raises(ValueError, match=message):
            BM25(**options)

    @pytest.mark.slow
    @pytest.mark.skipif(DATA is None, reason="SPARRING_DATA names no folder with the real collections")
    def test_scifact_is_as_published(self):
        """
        On SciFact, the defaults reach Anserini's published figures: nDCG@10 0.6789, R@100 0.9253.
        """
        folder = next(found for part in DATA.split(os.pathsep) if (found := Path(part) / "scifact").is_dir())
        with gzip.open(folder / "corpus.jsonl.gz", "rt", encoding="utf-8") as lines:
            corpus = [json.loads(line) for line in lines]
        with gzip.open(folder / "queries.jsonl.gz", "rt", encoding="utf-8") as lines:
            texts = {query["_id"]: query["text"] for query in map(json.loads, lines)}
        qrels: dict[str, dict[str, int]] = {}
        for line in (folder / "qrels" / "test.tsv").read_text().splitlines()[1:]:
            query_id, passage_id, grade = line.split("\t")
            qrels.setdefault(query_id, {})[passage_id] = int(grade)
        passages = [f"{passage['title']} {passage['text']}" for passage in corpus]
        encoder = BM25()
        encoder.fit(passages)

        scores = encoder.encode([texts[query] for query in qrels], "query") @ encoder.encode(passages, "passage").T
        hits = top_k(scores.toarray(), 100, positive=True)

        run = {
            query: {corpus[row]["_id"]: 100.0 - rank for rank, row in enumerate(rows) if row >= 0}
            for query, rows in zip(qrels, hits.rows, strict=True)
        }
        found = ir_measures.calc_aggregate([ir_measures.nDCG @ 10, ir_measures.R @ 100], qrels, run)
        assert pytest.approx(0.6789, abs=0.01) == found[ir_measures.nDCG @ 10]
        assert pytest.approx(0.9253, abs=0.005) == found[ir_measures.R @ 100]
