"""The door: what may be shown of a tally, and the only way from counts to anything published.

One function passes a tally through it: :func:`release`. What it decides by stands in modules of its own:
`suppress` (a cell too small, and what a total would give away), `audit` (linear algebra over everything
published), `bounds` (the attack that also knows that counts are whole and at least 0), `settle` (all of
these until nothing changes). Who was invited passes it too: :func:`shown_invited`; and so do comments, by a
threshold of their own (:mod:`cxlib.anonymity.comments`).

Source: this project's method, section 3.
"""

from cxlib.anonymity.door import Release, release
from cxlib.anonymity.invited import shown_invited
from cxlib.anonymity.suppress import hidden_cells

__all__ = ["Release", "hidden_cells", "release", "shown_invited"]
