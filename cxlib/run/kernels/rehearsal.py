"""What a dashboard's kernel does first, done once in the kernels' parent, on figures that are made up.

Python writes into code as it first runs, and libraries load what they first need; a page of memory that the
parent has written, all its kernels share. So a kernel that comes after a rehearsal is a sixth smaller, and
answers sooner. No engagement is opened here, nor any file but those of the suite itself.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any

# Respondents of each made-up role at the lowest to the highest level, and when they were asked.
ANSWERS, WAVES = (3, 9, 21, 30, 12), ("2000-spring", "2000-autumn")
LANGUAGES = ("en", "de")


def rehearse() -> None:
    """Go through a dashboard's figures as its reader would, and leave nothing but what that loaded.

    It starts no thread: frames are made in memory, and none is read from a file.
    """
    from cxlib import forms

    speak()
    forms.begin_at()
    eng = made_up()
    shown = [forms.explore(eng), forms.compare(eng), forms.what_if(eng), forms.explore(eng, step="s1")]
    wave, group, step, item = shown[0].children[:4]  # type: ignore[union-attr]
    for choice, places in ((group, (1, 2)), (wave, (1, 0)), (step, (1,)), (item, (1,))):
        for place in places:
            choice.index = place
    slider = shown[2].children[1]  # type: ignore[union-attr]
    slider.value = slider.value + 1
    shown[0].close_all()
    forms.begin_anew()


def speak() -> None:
    """Load what each language of the suite writes sentences, numbers and dates with."""
    from cxlib.formats import day
    from cxlib.language import words_of

    for language in LANGUAGES:
        words = words_of(language)
        words.number(1234.5, 1)
        words.percent(0.5)
        words.listed(["a", "b", "c"])
        day(dt.date(2000, 1, 1), language)


def made_up() -> Any:
    """Return two waves of an engagement that nobody has, with the newest framework of the suite."""
    import pandas as pd

    from cxlib.anonymity import Release
    from cxlib.engagement import Engagement
    from cxlib.extract import CONTRACTS, COUNTED, Extract, Facts, RoleFacts, WaveFacts
    from cxlib.frames import ROLE
    from cxlib.framework import find_framework, parse_framework
    from cxlib.instrument import Instrument
    from cxlib.provenance import library_version
    from cxlib.settings import read_settings

    path = find_framework("cx7", read_settings().frameworks)
    # From its text, as an extract's copy is: so it is kept for whoever opens one.
    framework = parse_framework(path.read_bytes().decode())
    instrument = Instrument.from_plain(framework, "en", [])
    roles = [role.id for role in framework.roles if role.kind == "staff"]
    dims = (ROLE,)

    def groups() -> Iterator[tuple[str, ...]]:
        for wave in WAVES:
            yield wave, "", ""
            yield from ((wave, ROLE, role) for role in roles)

    scales = {item: framework.scales[item] for item in framework.items}
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in CONTRACTS}
    for at, key in enumerate(groups()):
        n = sum(ANSWERS) * (len(roles) if not key[1] else 1)
        rows["groups"].append((*key, n, False))
        for item, scale in scales.items():
            spread = dict(zip(scale.levels, ANSWERS, strict=False))
            rows["counts"] += [(*key, item, one, spread.get(one, 0)) for one in scale.answers]
        for part in instrument.parts:
            size = len(part.items)
            figures = (n, size, size, 2.6 + 0.1 * at + 0.05 * size, 0.1, 40.0)
            rows["estimates"].append((*key, part.kind, part.id, *figures))
    whole, number = {"whole": "int64", "flag": "bool", "text": "str"}, "float64"
    frames = {
        name: pd.DataFrame(rows[name], columns=contract.names(dims)).astype(
            {one.name: whole.get(one.kind, number) for one in contract.columns} | {ROLE: "str"}
        )
        for name, contract in CONTRACTS.items()
    }
    counted = {name: frames.pop(name) for name in COUNTED}
    facts = Facts(
        engagement="rehearsal", client="Nobody", wave=WAVES[-1],
        waves=tuple(WaveFacts(one, one, None, framework.stamp) for one in WAVES),
        language="en", framework=framework.stamp, framework_digest=framework.digest,
        roles=tuple(RoleFacts(one, one, "staff", None, 1.0) for one in roles),
        segments={}, cuts=((), (ROLE,)), threshold_scores=8, threshold_comments=10, targets={},
        declared={}, data_date=None, notes=(), library=library_version(),
    )  # fmt: skip
    release = Release(cuts=facts.cuts, dims=dims, threshold=facts.threshold_scores, **counted)
    return Engagement(Extract(facts, framework.document.text, release, **frames))
