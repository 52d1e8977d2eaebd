"""Proposing a mapping for a file: which column is whose answer to what, and how sure that is.

Codes come first: a column that is called as the framework calls an item. What is left is matched by its
text with every wording, of every role and in every language, one column to one item at most. What the
answers mean on the item's scale counts as evidence. Nothing here is stored or imported.
"""

from __future__ import annotations

from cxlib.proposals.coded import mapping_by_codes, wanted_of, wave_told
from cxlib.proposals.columns import propose
from cxlib.proposals.proposal import Guess, Proposal, Wanted
from cxlib.proposals.writing import mapping_text

__all__ = [
    "Guess",
    "Proposal",
    "Wanted",
    "mapping_by_codes",
    "mapping_text",
    "propose",
    "wanted_of",
    "wave_told",
]
