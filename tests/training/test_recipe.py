"""Recipes: what `sparring train` is told."""

from __future__ import annotations

import tomllib

import pytest

from bench import toml
from bench.errors import InputError
from bench.passages import loader
from bench.training import recipe
from bench.training.recipe import FOLDER, TABLES

NEEDED = {"data": {"train": "", "dev": "", "test": ""}, "model": {"start": ""}}

WHOLE = """
name = "mine"
[data]
train = "squad:train"
dev = "squad:dev"
test = "squad:test"
[model]
start = "static"
[optimiser]
batch = 16
"""


def parse(text, where):
    """The one recipe of a text without variants."""
    (found,) = recipe.parse(text, where).recipes
    return found


def test_defaults():
    """
    What a recipe does not name has the defaults that stand in the Structs.
    """
    found = parse(WHOLE, "r.toml")

    assert ("mine", (1, 2, 3), None) == (found.name, found.seeds, found.negatives)
    assert (16, 1, "shared") == (found.optimiser.batch, found.optimiser.accumulate, found.model.towers)


@pytest.mark.parametrize(
    ("similarity", "expected"), [("cosine", 0.05), ("dot", 1.0), ("l2", 1.0)]
)  # fmt: skip
def test_the_temperature_goes_with_the_similarity(similarity, expected):
    """
    Cosines lie between -1 and 1 and are divided by .05; inner products and distances are taken as they are.
    """
    text = WHOLE.replace('start = "static"', f'start = "static"\nsimilarity = "{similarity}"')

    assert expected == parse(text, "r.toml").temperature
    assert 0.5 == parse(text + "[loss]\ntemperature = 0.5\n", "r.toml").temperature


def test_negatives_each():
    """
    A passage is told from the others of its batch and from everyone's hard negatives; accumulation adds none.
    """
    plain, hard, accumulated = (
        parse(WHOLE + more, "r.toml") for more in ("", "[negatives]\neach = 2\n", "accumulate = 8\n")
    )

    assert (15, 47, 15) == (plain.negatives_each, hard.negatives_each, accumulated.negatives_each)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("batch = 16", "batc = 16", ["optimiser: unknown key 'batc'", "Did you mean batch?"]),
        ('name = "mine"', 'name = "mine"\nbatch = 2', ["unknown key 'batch'", "It stands under [optimiser]."]),
        ("[optimiser]", "[optimizer]", ["unknown key 'optimizer'", "Did you mean optimiser?"]),
        ("batch = 16", "batch = 1", ["Expected `int` >= 2", "$.optimiser.batch"]),
        ("batch = 16", "learning_rate = nan", ["Expected `float` > 0.0", "$.optimiser.learning_rate"]),
        ('name = "mine"', 'name = "../mine"', ["name: expected a letter or digit", "'../mine'"]),
        ('name = "mine"', 'name = "mine"\nseeds = [1, 1]', ["seeds: expected at least one, each once, found [1, 1]"]),
        ('start = "static"', 'start = "static"\nlayers = 2', ["neither layers nor pooling: a static start has none"]),
        ("batch = 16", "batch = 16\n[loss]\ncached = 8", ["loss.cached: expected none with a static start"]),
        ('start = "static"', 'start = "a/b"\nhead = "splade"', ['similarity: expected "dot" with head "splade"']),
        ('start = "static"', 'start = "static"\nhead = "splade"\nsimilarity = "dot"', ["masked-language model with"]),
        (
            'start = "static"',
            'start = "a/b"\nhead = "splade"\nsimilarity = "dot"\npooling = "cls"',
            ["expected neither model.pooling nor loss.matryoshka with head"],
        ),
        ("batch = 16", "batch = 16\n[loss]\nquery_flops = 0.1", ["query_flops and passage_flops with model.head ="]),
        (
            'start = "static"',
            'start = "static"\nsimilarity = "l2"\n[loss]\nmatryoshka = [8]',
            ["loss.matryoshka: expected similarity \"cosine\" with it, found 'l2'"],
        ),
        ('dev = "squad:dev"\n', "", ["missing required field `dev`", "$.data"]),
        ('train = "squad:train"', "train = squad", ["no valid TOML"]),
    ],
)
def test_what_cannot_be(old, new, said):
    """
    What cannot be is refused, naming the file, the key, and what was expected.
    """
    with pytest.raises(InputError) as refused:
        parse(WHOLE.replace(old, new), "recipe r.toml")

    assert str(refused.value).startswith("recipe r.toml: ")
    assert all(part in str(refused.value) for part in said), str(refused.value)


def test_the_page_shows_every_key():
    """
    The recipe on the page is one but for its static start and its sparse head, and shows every key there is, with its
    default.
    """
    page = (FOLDER.parent / "README.md").read_text(encoding="utf-8")
    text = page.split("```toml\n")[1].split("```")[0]

    apart = ("query_start", "head", "query_flops", "passage_flops")
    found = parse("\n".join(line for line in text.splitlines() if not line.startswith(apart)), "the page")

    told = tomllib.loads(text)
    for header, struct in TABLES.items():
        assert list(struct.__struct_fields__) == list(told[header])
        for line in text.split(f"[{header}]")[1].split("\n[")[0].splitlines():
            if "default" in line and "default:" not in line:
                key = line.split(" = ")[0].strip()
                assert getattr(struct(**NEEDED.get(header, {})), key) == getattr(getattr(found, header), key), line


class TestVariants:
    TEXT = (
        WHOLE
        + """
[[variants]]
name = "small"
optimiser.batch = 4

[[variants]]
name = "apart"
seeds = [5]
model = { towers = "separate" }
"""
    )

    def test_each_is_the_recipe_but_for_what_it_names(self):
        """
        A variant has the keys above it, its own in their place; the recipe above them is none by itself.
        """
        found = recipe.parse(self.TEXT, "r.toml")

        small, apart = found.recipes
        assert ("mine", True, "small", "apart") == (found.name, found.varied, small.name, apart.name)
        assert (4, 16) == (small.optimiser.batch, apart.optimiser.batch)
        assert ("static", "separate", (5,)) == (apart.model.start, apart.model.towers, apart.seeds)
        assert ((1, 2, 3), "shared") == (small.seeds, small.model.towers)

    @pytest.mark.parametrize(
        ("old", "new", "said"),
        [
            ('name = "small"', "", "variants: expected [[variants]], each with a name"),
            ('name = "small"', 'name = "apart"', "each name once, found ['apart', 'apart']"),
            ("optimiser.batch", "optimiser.size", "variant 'small': optimiser: unknown key 'size'"),
            ("optimiser.batch = 4", "optimizer.batch = 4", "variant 'small': unknown key 'optimizer'"),
            ('name = "small"', 'name = "../small"', "variant '../small': name: expected a letter"),
            ('name = "small"', 'name = "ring"', "variants: expected other names than ring"),
            ("optimiser.batch = 4", "stop.k = 3", "variants: expected one stop.k for all"),
        ],
    )
    def test_what_cannot_be(self, old, new, said):
        """
        A variant without a name of its own, or with a key that nobody knows, is refused by its name.
        """
        with pytest.raises(InputError) as refused:
            recipe.parse(self.TEXT.replace(old, new), "recipe r.toml")

        assert str(refused.value).startswith("recipe r.toml: ")
        assert said in str(refused.value)

    def test_none(self):
        """
        An empty list of variants is refused, and so is a table.
        """
        for text in ("variants = []\n" + WHOLE, WHOLE + "[variants]\na = 1\n"):
            with pytest.raises(InputError, match="variants: expected"):
                recipe.parse(text, "r.toml")


@pytest.mark.parametrize("name", toml.names(FOLDER))
def test_what_ships(name):
    """
    A recipe that ships is called as its file, its sets are parts of one that has a card, and it is shown often enough.
    """
    found = recipe.load(name)

    assert name == found.name
    for each in found.recipes:
        assert all(loader.has_card(part) for part in (each.data.train, each.data.dev, each.data.test))
        assert len(each.seeds) >= 3
