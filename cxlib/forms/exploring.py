"""A reader's own look: by wave and group, from a step to its items to one item's answers; two waves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets as widgets
from markupsafe import Markup

from cxlib import charts, tables
from cxlib.choices import Shown as Group
from cxlib.choices import find_group
from cxlib.errors import NotFoundError
from cxlib.forms.showing import Shown, begun, choice, guarded, place_of
from cxlib.tables.html import Column, Html, missing, said, table_of

if TYPE_CHECKING:
    import pandas as pd

    from cxlib.engagement import Engagement


def explore(eng: Engagement, *, step: str = "") -> widgets.VBox:
    """Choose wave and group and see each step's scores; then a step's items; then one item's answers.

    Only waves of the extract and groups that the release plan shows are offered.

    Parameters
    ----------
    step
        Id or slug of the one step to look at; by default all of them, to choose from.
    """
    _ = eng.words
    waves = list(reversed(eng.wave_names))
    wave, key = begun()
    own = eng.framework.step(step).id if step else ""
    assessed = [one.id for one in eng.framework.steps if eng.is_assessed(one.id)]
    steps = [own] if own else ["", *assessed]
    names = [eng.instrument.called(one) if one else _("all steps") for one in steps]
    of_wave = choice(_("Wave"), [eng.wave_names[one] for one in waves], _place(waves, wave))
    groups: list[Group] = []
    of_group = choice(_("Group"), [_("everyone")])
    of_step = choice(_("Step"), names)
    of_item = choice(_("Item"), [_("none")])
    items: list[str] = []
    shown, address = Shown(eng), widgets.HTML()

    def offer_groups(*_args: Any) -> None:
        at = place_of(of_wave, waves)
        kept = place_of(of_group, groups).key if groups else key
        groups[:] = eng.groups(at)
        try:
            begin = groups.index(find_group(groups, kept))
        except NotFoundError:
            begin = 0
        called = [f"{one.name or _('everyone')} (n = {_.number(one.n)})" for one in groups]
        of_group.options = [(name, place) for place, name in enumerate(called)]
        of_group.index = begin

    def offer_items(*_args: Any) -> None:
        at = place_of(of_step, steps)
        items[:] = ["", *(one.id for one in eng.framework.step(at).items)] if at else [""]
        called = [_item(eng, one) if one else _("none") for one in items]
        of_item.options = [(name, place) for place, name in enumerate(called)]
        of_item.index = 0
        of_item.layout.display = "" if at else "none"

    def made() -> list[Any]:
        at, group = place_of(of_wave, waves), place_of(of_group, groups)
        address.value = str(
            Markup('<span data-view data-wave="{}" data-segment="{}" hidden></span>').format(
                at if at != eng.wave.id else "", group.key
            )
        )
        return _look(eng, at, group, place_of(of_step, steps), place_of(of_item, items))

    show = guarded(shown, made)
    offer_groups()
    offer_items()
    of_wave.observe(offer_groups, names="index")
    of_step.observe(offer_items, names="index")
    for one in (of_wave, of_group, of_step, of_item):
        one.observe(show, names="index")
    show()
    offered = [of_wave, of_group, *([of_step] if not own else []), of_item]
    return widgets.VBox([*offered, shown.widget, address])


def _place(among: list[str], wanted: str) -> int:
    return among.index(wanted) if wanted in among else 0


def _item(eng: Engagement, id_: str) -> str:
    return f"{id_}  {eng.instrument.name(id_)}"


def _look(eng: Engagement, wave: str, group: Group, step: str, item: str) -> list[Any]:
    """Return what one choice shows: a sentence, then table and chart."""
    _ = eng.words
    seen = eng.at(wave)
    scores = seen.group_scores(group, step=step) if step else seen.step_scores(group)
    who = _capital(group.name or _("everyone"))
    source = f"{seen.source} · {who}"
    if item:
        answers = group.of(seen.distribution(by=group.cut, items=[item]))
        if answers.empty:
            return [missing(_("Nothing is shown of this item for {who}.", who=who))]
        return [
            said(_of_item(eng, scores, item, who)),
            charts.levels(_whole(answers), eng.instrument, source=source),
        ]
    kind = "item" if step else "step"
    sentence = said(_of_steps(eng, scores, kind, who, seen.wave.name))
    return [sentence, tables.scorecard(scores, eng.instrument, kind=kind), _chart(eng, scores, kind, source)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _chart(eng: Engagement, scores: pd.DataFrame, kind: str, source: str) -> Any:
    return charts.scorecard(_whole(scores), eng.instrument, kind=kind, targets=eng.targets, source=source)


def _whole(frame: pd.DataFrame) -> pd.DataFrame:
    """Take one group for the whole of what is drawn: a chart of one group does not say which."""
    out = frame.copy()
    out["cut"] = ""
    return out


def _of_steps(eng: Engagement, scores: pd.DataFrame, kind: str, who: str, wave: str) -> str:
    _ = eng.words
    data = scores[(scores["kind"] == kind) & scores["mean"].notna()]
    if data.empty:
        return _("{who}, {wave}: too few people answered for any figure.", who=who, wave=wave)
    best, worst = data.loc[data["mean"].idxmax()], data.loc[data["mean"].idxmin()]
    return _(
        "{who}, {wave}: highest stands {best} with level {high}, lowest {worst} with {low}. The interval "
        "beside a level says where the true one most likely lies.",
        who=who, wave=wave, best=_called(eng, best), worst=_called(eng, worst),
        high=_.number(best["mean"], 1), low=_.number(worst["mean"], 1),
    )  # fmt: skip


def _called(eng: Engagement, row: Any) -> str:
    return str(eng.instrument.called(row["id"]) if row["kind"] == "step" else row["name"])


def _of_item(eng: Engagement, scores: pd.DataFrame, item: str, who: str) -> str:
    _ = eng.words
    row = scores[(scores["kind"] == "item") & (scores["id"] == item) & scores["mean"].notna()]
    if row.empty:
        return _("{who}: too few people answered this item for a level.", who=who)
    one = row.iloc[0]
    return _(
        "{who} put “{item}” at level {level} on average (95% {low}–{high}, n = {n}). The bars show how the "
        "answers behind this level are spread.",
        who=who, item=one["name"], level=_.number(one["mean"], 1), low=_.number(one["low"], 1),
        high=_.number(one["high"], 1), n=_.number(int(one["n"])),
    )  # fmt: skip


def compare(eng: Engagement, *, step: str = "") -> widgets.VBox | Html:
    """Hold two waves beside one another, over what was asked in the same words.

    Returns
    -------
    A sentence where there is one wave only.
    """
    _ = eng.words
    waves = list(eng.wave_names)
    if len(waves) < 2:
        return said(_("There is one wave so far: the next one has something to be compared with."))
    names = [eng.wave_names[one] for one in waves]
    first = choice(_("Earlier"), names[:-1], len(waves) - 2)
    second = choice(_("Later"), names[1:], len(waves) - 2)
    shown = Shown(eng)

    def made() -> list[Any]:
        before, after = place_of(first, waves[:-1]), place_of(second, waves[1:])
        if waves.index(before) >= waves.index(after):
            return [missing(_("Choose a later wave that comes after the earlier one."))]
        return _between(eng, before, after, step)

    show = guarded(shown, made)
    first.observe(show, names="index")
    second.observe(show, names="index")
    show()
    return widgets.VBox([first, second, shown.widget])


def _between(eng: Engagement, before: str, after: str, step: str) -> list[Any]:
    _ = eng.words
    kind = "item" if step else "step"
    names = {one: eng.wave_names[one] for one in (before, after)}
    seen = [eng.at(one) for one in (before, after)]
    frames = [one.scores(step=step) if step else one.step_scores() for one in seen]
    rows = [one[(one["kind"] == kind) & one["mean"].notna()].set_index("id") for one in frames]
    both = [id_ for id_ in rows[1].index if id_ in rows[0].index]
    if not both:
        return [missing(_("Nothing was asked in the same words in both waves."))]
    moved = {id_: float(rows[1].loc[id_, "mean"] - rows[0].loc[id_, "mean"]) for id_ in both}
    most = max(moved, key=lambda id_: abs(moved[id_]))
    sentence = _(
        "From {before} to {after}, {what} moved most: by {by} levels, to {level}. Where the two intervals "
        "overlap, chance alone may have done it.",
        before=names[before], after=names[after], what=_called(eng, {**rows[1].loc[most], "id": most}),
        by=_.number(moved[most], 1, signed=True), level=_.number(rows[1].loc[most, "mean"], 1),
    )  # fmt: skip
    chart = charts.scorecard(
        frames[1], eng.instrument, kind=kind, before=frames[0], source=f"{eng.at(after).source}"
    )
    table = table_of(
        _("Two waves"),
        [
            Column(_("What"), [_called(eng, {**rows[1].loc[id_], "id": id_}) for id_ in both]),
            Column(names[before], [_cell(_, rows[0].loc[id_]) for id_ in both], True),
            Column(names[after], [_cell(_, rows[1].loc[id_]) for id_ in both], True),
            Column(_("Moved by"), [_.number(moved[id_], 1, signed=True) for id_ in both], True),
        ],
    )
    return [said(sentence), chart, table]


def _cell(_: Any, row: Any) -> str:
    return f"{_.number(row['mean'], 1)} ({_.number(row['low'], 1)}–{_.number(row['high'], 1)})"
