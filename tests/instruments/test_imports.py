"""What code imports: files of ours one by one, and libraries with all that they require."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from bench.instruments import imports
from retrievers.encoders import biencoder, lexical
from retrievers.storages import csr

LEXICAL, DENSE, STORAGE = (Path(str(module.__file__)) for module in (lexical, biencoder, csr))


def named(files: set[Path]) -> set[str]:
    return {path.relative_to(imports.HOME).as_posix() for path in files}


@pytest.fixture
def plugin(tmp_path):
    def write(text: str) -> Path:
        path = tmp_path / "mine.py"
        path.write_text(text)
        return path

    return write


class TestOurs:
    def test_what_an_encoder_is_made_of(self):
        """
        Its own module and what that imports, within functions too; no storage and no other encoder.
        """
        found = named(imports.followed([LEXICAL]))

        assert {"retrievers/encoders/lexical.py", "retrievers/contract.py", "retrievers/analysers/words.py"} <= found
        assert not any("storages" in name or "biencoder" in name or "hub" in name for name in found)

    def test_a_plug_in_that_builds_on_ours(self, plugin):
        """
        A file of somebody else's brings what it imports of ours, and what that imports.
        """
        path = plugin("from retrievers.encoders.lexical import BM25\n\nclass Mine(BM25): ...\n")

        assert imports.followed([LEXICAL]) | {path} <= imports.followed([path])

    @pytest.mark.parametrize(
        "text",
        [
            "import retrievers.storages.csr",
            "import retrievers.storages.csr as c",
            "from retrievers.storages import csr",
            "from retrievers.storages.csr import CSR",
            "def f():\n    from retrievers.storages.csr import CSR",
        ],
    )
    def test_however_it_is_imported(self, plugin, text):
        """
        Every way to write an import is seen, and the packages that a module lies in are part of it.
        """
        found = imports.followed([plugin(text)])

        assert {STORAGE, STORAGE.parent / "__init__.py", STORAGE.parent.parent / "__init__.py"} <= found

    def test_its_hash_is_of_names_and_bytes(self, tmp_path, monkeypatch):
        """
        Another byte, or another name, is another hash; the order in which files are found is none.
        """
        monkeypatch.setattr(imports, "HOME", tmp_path)
        one, two = tmp_path / "one.py", tmp_path / "two.py"
        one.write_text("1")
        two.write_text("2")
        first = imports.sha256([one, two])

        assert first == imports.sha256([two, one])
        two.write_text("3")
        assert first != imports.sha256([one, two])
        two.write_text("2")
        two.rename(tmp_path / "three.py")
        assert first != imports.sha256([one, tmp_path / "three.py"])


class TestLibraries:
    def test_of_terms(self):
        """
        What counts terms uses no deep learning: a new torch costs it nothing.
        """
        found = imports.libraries(imports.followed([LEXICAL]))

        assert {"numpy", "scipy", "pystemmer", "regex"} <= found.keys()
        assert not {"torch", "faiss-cpu", "pandas"} & found.keys()
        assert found["numpy"] == metadata.version("numpy")

    def test_with_what_they_require(self):
        """
        A model's library counts with what it is built on; the extras that it may have do not.
        """
        found = imports.libraries(imports.followed([DENSE]))

        assert {"sentence-transformers", "torch", "tokenizers", "transformers", "numpy"} <= found.keys()
        assert not {"pytest", "pandas", "faiss-cpu", "sparring"} & found.keys()

    def test_of_nothing_else(self, plugin):
        """
        Modules of Python's own, of ours, and such as are not installed, belong to no library.
        """
        path = plugin("import json, bench.errors, retrievers.contract, not_installed_anywhere\nfrom . import beside\n")

        assert {} == imports.libraries([path])

    def test_a_module_called_otherwise_than_its_library(self, plugin):
        """
        The library is found by its modules where its name is another.
        """
        found = imports.libraries([plugin("import sklearn.preprocessing, yaml")])

        assert {"scikit-learn", "pyyaml"} <= found.keys()

    @pytest.mark.parametrize("content", [b"def broken(:", b"\xff\xfe\x00", b""])
    def test_what_is_no_python_names_nothing(self, tmp_path, content):
        """
        A file that cannot be read as Python is its bytes alone.
        """
        path = tmp_path / "broken.py"
        path.write_bytes(content)

        assert () == imports.imported(path)
        assert {path} == imports.followed([path])
