"""Analysers: text -> tokens. What plug-ins import is handed out here; the rooms are beside it."""

from retrievers.analysers.words import Analyser as Analyser
from retrievers.analysers.words import CharNGrams as CharNGrams
from retrievers.analysers.words import Whitespace as Whitespace
from retrievers.analysers.words import Words as Words
from retrievers.analysers.words import default_analyser as default_analyser
from retrievers.analysers.words import fingerprint as fingerprint
from retrievers.analysers.words import unstemmed as unstemmed
