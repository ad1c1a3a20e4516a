"""
Analysers: text -> tokens. What plug-ins import is handed out here.

An analyser is a value: it prints as it is spelled, equal ones give equal tokens, and an encoder takes one as an option.

Every analyser but `Whitespace` first composes its text (NFC): the two spellings of é are one letter to a reader, and
Snowball knows only the composed one. Lucene leaves that step out; on text that is composed already nothing changes.
"""

from retrievers.analysers._fingerprint import fingerprint as fingerprint
from retrievers.analysers._text import tokens as tokens
from retrievers.analysers.defaults import default_analyser as default_analyser
from retrievers.analysers.defaults import unstemmed as unstemmed
from retrievers.analysers.ngrams import CharNGrams as CharNGrams
from retrievers.analysers.words import Whitespace as Whitespace
from retrievers.analysers.words import Words as Words
from retrievers.contract import Analyser as Analyser
