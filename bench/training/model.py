"""
A start -> the model that is trained: one tower for both, or one for questions and one for passages.

Built of sentence-transformers' modules, so that what comes out is a model as any other. Nothing normalises inside:
what the inner product stands for is the loss's business, and `BiEncoder`'s.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from bench.errors import InputError
from bench.training.recipe import STATIC, Model, Recipe
from retrievers import model_folders, models
from retrievers.encoders.sparse import is_sparse

SIMILARITY_NAMES = {"cosine": "cosine", "dot": "dot", "l2": "euclidean"}  # in the model's own configuration
UNKNOWN = "[UNK]"


KINDS: Mapping[str, models.Kind] = {"dense": "SentenceTransformer", "splade": "SparseEncoder"}  # by head


def model_of(recipe: Recipe, texts: Sequence[str], device: str) -> Any:  # Any: of the library's models
    """
    The model that the recipe starts from, in float32.

    texts: what the tokenizer of a static start is made of. InputError for a start that is not there, towers of
    different size, and options that the start cannot have.
    """
    import sentence_transformers
    from sentence_transformers.base.modules import Router

    passage, prompts = _tower(recipe.model, recipe.model.start, texts, device)
    modules = passage
    if recipe.separate:
        if recipe.model.query_start in (None, recipe.model.start):
            query = copy.deepcopy(passage)
        else:
            query, of_query = _tower(recipe.model, str(recipe.model.query_start), texts, device)
            prompts = {"query": of_query["query"], "document": prompts["document"]}
        sizes = [_dims(tower) for tower in (query, passage)]
        if sizes[0] != sizes[1]:
            raise InputError(
                f"model: expected towers of one output size, found {sizes[0]} of {recipe.model.query_start} for "
                f"questions and {sizes[1]} of {recipe.model.start} for passages: choose starts that meet"
            )
        if recipe.model.head == "splade" and query[0].tokenizer.get_vocab() != passage[0].tokenizer.get_vocab():
            raise InputError(
                f"model: expected towers of one vocabulary, found another in {recipe.model.query_start} for questions "
                f"than in {recipe.model.start} for passages: a column would be two terms"
            )
        modules = [Router.for_query_document(query_modules=query, document_modules=passage)]
    for dims in recipe.loss.matryoshka:
        if dims > _dims(passage):
            raise InputError(f"loss.matryoshka: expected dimensions up to the model's {_dims(passage)}, found {dims}")
    return getattr(sentence_transformers, KINDS[recipe.model.head])(
        modules=modules,
        device=device,
        similarity_fn_name=SIMILARITY_NAMES[recipe.model.similarity],
        prompts={name: prompt for name, prompt in prompts.items() if prompt},
    )


def _dims(modules: Sequence[Any]) -> int:  # Any: modules of sentence-transformers, untyped here
    """The size of what a tower puts out."""
    sizes = [module.get_embedding_dimension() for module in modules if hasattr(module, "get_embedding_dimension")]
    return int(sizes[-1])


def _tower(asked: Model, start: str, texts: Sequence[str], device: str) -> tuple[list[Any], dict[str, str]]:
    """The modules of a tower, and what is put before a query and a passage, as the start has it."""
    if start == STATIC:
        return [_static(asked, texts)], {"query": "", "document": ""}
    return _pretrained(asked, start, device)


def _pretrained(asked: Model, start: str, device: str) -> tuple[list[Any], dict[str, str]]:
    """A pretrained model's modules but for the one that normalises, cut to so many layers, pooled as asked for."""
    from sentence_transformers.base.modules import Normalize, Router
    from sentence_transformers.sentence_transformer.modules import Pooling

    try:
        source = model_folders.find(start)
        if asked.head == "splade" and not is_sparse(source.folder):
            raise ValueError(f'expected a masked-language model, or a sparse one, with head "splade", found {start}')
        tower = models.opened(
            source,
            kind=KINDS[asked.head],
            device=device,
            dtype="float32",
            max_length=asked.max_length,
            prompts={"query": None, "passage": None},
        )
    except ValueError as error:
        raise InputError(f"model.start: {error}") from error
    modules = [module for module in tower.model if not isinstance(module, Normalize)]
    if isinstance(modules[0], Router):
        raise InputError(f"model.start: expected a model of one tower, found two in {start}: start from what they did")
    if asked.layers is not None:
        _cut(modules[0], start, asked.layers)
    if asked.pooling is not None:
        places = [place for place, module in enumerate(modules) if isinstance(module, Pooling)]
        if len(places) != 1:
            raise InputError(f"model.pooling: expected a start that pools, found {start}, which has no such module")
        old = modules[places[0]]
        modules[places[0]] = Pooling(old.embedding_dimension, asked.pooling, include_prompt=old.include_prompt)
    return modules, {"query": tower.prompts["query"], "document": tower.prompts["passage"]}


def _cut(transformer: Any, start: str, layers: int) -> None:
    """Keep the first so many layers of a transformer, and let its configuration say so."""
    from torch import nn

    network: Any = getattr(transformer, "auto_model", None)  # Any: a model of transformers, untyped here
    depth: int = getattr(getattr(network, "config", None), "num_hidden_layers", 0)
    stacks = [
        (parent, name)
        for parent in (network.modules() if depth else ())
        for name, child in parent.named_children()
        if isinstance(child, nn.ModuleList) and len(child) == depth
    ]
    if len(stacks) != 1:
        raise InputError(f"model.layers: expected a transformer with one stack of layers, found none in {start}")
    if layers > depth:
        raise InputError(f"model.layers: expected up to the {depth} of {start}, found {layers}")
    ((parent, name),) = stacks
    setattr(parent, name, getattr(parent, name)[:layers])
    network.config.num_hidden_layers = layers
    for key, value in network.config.to_dict().items():
        if isinstance(value, list) and len(value) == depth:  # what is said of each layer: layer_types
            setattr(network.config, key, value[:layers])


def _static(asked: Model, texts: Sequence[str]) -> Any:
    """
    Vectors of tokens, drawn from the seed that is set: a text is their mean.

    The tokenizer is learned from the texts (byte pairs: Sennrich et al. 2016), so it is of their language; the same
    texts give the same one, which the library's WordPiece and Unigram do not.
    """
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding
    from tokenizers import Tokenizer, normalizers, pre_tokenizers, trainers
    from tokenizers import models as kinds

    tokenizer = Tokenizer(kinds.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(
        texts,
        trainers.BpeTrainer(vocab_size=asked.vocabulary, special_tokens=[UNKNOWN], show_progress=False),
    )
    return StaticEmbedding(tokenizer, embedding_dim=asked.dims)
