"""Where the figures come from: each with what it is computed by and whose work that is."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxlib.tables.html import Column, Html, table_of

if TYPE_CHECKING:
    from cxlib.instrument import Instrument


def sources(instrument: Instrument) -> Html:
    """List every kind of figure in the report, how it and its interval are computed, and the source."""
    _ = instrument.words
    rows = [
        (
            _("Mean level"),
            _(
                "mean with a Student interval; of a step of k items, the items' mean with the variance "
                "Σᵢⱼ cov(xᵢ, xⱼ) ÷ (k² · n); of all staff, the roles' means by their weights"
            ),
            "Student 1908, Biometrika 6, 1–25",
        ),
        (
            _("Top two, shares"),
            _("share with Wilson's interval"),
            "Wilson 1927; Newcombe 1998, Statistics in Medicine 17, 857–872",
        ),
        (
            _("Net promoter score"),
            _("promoters less detractors, adjusted Wald interval"),
            "Rocks 2016, arXiv 1601.07235",
        ),
        (
            _("Agreement"),
            _("A, by seeded bootstrap: 1 all agree, 0 flat, −1 two camps"),
            "Van der Eijk 2001, Quality & Quantity 35, 325–341",
        ),
        (
            _("rwg"),
            _("spread against the spread of guessing, by seeded bootstrap"),
            "James, Demaree & Wolf 1984, Journal of Applied Psychology 69, 85–98",
        ),
        (
            _("Alpha, omega"),
            _("how items hang together, Feldt's interval"),
            "Cronbach 1951; Feldt 1965; McDonald 1999",
        ),
        (_("Seen differently"), _("Cliff's delta with its interval"), "Cliff 1993; Feng & Cliff 2004"),
        (
            _("Key drivers"),
            _("Shapley shares of R², delete-a-group jackknife"),
            "Lindeman, Merenda & Gold 1980; Grömping 2006",
        ),
        (_("Units"), _("empirical-Bayes shrinkage towards the mean of all"), "Efron & Morris 1975"),
        (
            _("What stands out"),
            _("false-discovery rate of 5% in each family of comparisons"),
            "Benjamini & Hochberg 1995, Journal of the Royal Statistical Society B 57, 289–300",
        ),
        (
            _("Sequence"),
            _(
                "position: steps at gate 3 or above, as all before them are; effective level: the lower of a "
                "step's level m and the lowest before it + slack 0.5; index: Σ(m − effective) ÷ Σ(m − 1)"
            ),
            _("this report's own convention"),
        ),
        (
            _("Small groups"),
            _("a release plan, primary suppression, and protection of totals"),
            "Cox 1980, Journal of the American Statistical Association 75, 377–385",
        ),
    ]
    names = (_("Figure"), _("How it is computed"), _("Source"))
    return table_of(
        _("Where the figures come from"), [Column(n, [row[i] for row in rows]) for i, n in enumerate(names)]
    )
