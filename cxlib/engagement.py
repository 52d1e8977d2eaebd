"""The handle that a notebook holds: a live store or a published extract, the same verbs.

Both read from an :class:`~cxlib.extract.Extract`: the live handle makes one from the store (tally, door,
estimates), the other reads it from its folder. So a notebook cannot tell the difference, and a figure in
the workshop is the figure in the report.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from cxlib import findings, ordering, planning, scoring
from cxlib.errors import NotFoundError, ReadOnlyError, nearest
from cxlib.extract import Extract, Facts, WaveFacts
from cxlib.findings import Finding
from cxlib.frames import PARTICIPATION, RESPONSE, ROLE, WAVE, check, cut_name
from cxlib.framework import Framework, parse_framework
from cxlib.instrument import Instrument
from cxlib.look import notebook_style
from cxlib.planning import Recommendation
from cxlib.registers import Registers, find_register
from cxlib.tables import note

if TYPE_CHECKING:
    import pandas as pd

By = str | Sequence[str]


def library_version() -> str:
    try:
        return version("cxlib")
    except PackageNotFoundError:
        return "0 (not installed)"


class Engagement:
    """One wave of one engagement, to read from. Build it with :func:`open_engagement`.

    Every verb returns what passed the anonymity door, as a frame of `cxlib.frames`.
    """

    def __init__(self, extract: Extract, wave: str | None = None) -> None:
        self._given = extract
        self._wave = wave

    @property
    def extract(self) -> Extract:
        """What may leave the building: the source of every figure here."""
        return self._given

    @property
    def facts(self) -> Facts:
        return self.extract.facts

    @property
    def name(self) -> str:
        """The client's name."""
        return self.facts.client

    @property
    def wave(self) -> WaveFacts:
        """The round of assessment that the figures are of, by default the extract's own."""
        known = {one.id: one for one in self.facts.waves}
        wanted = self._wave or self.facts.wave
        if wanted not in known:
            raise NotFoundError(
                f"{self.facts.engagement} has no wave {wanted!r} here{nearest(wanted, known)}"
            )
        return known[wanted]

    @cached_property
    def framework(self) -> Framework:
        return parse_framework(self.extract.framework_document, name="framework.yaml")

    @cached_property
    def instrument(self) -> Instrument:
        """Names, scales and items in the engagement's language, declared ones included."""
        return Instrument.from_plain(self.framework, self.facts.language, [self.facts.declared])

    @property
    def weights(self) -> dict[str, float]:
        return {role.id: role.weight for role in self.facts.roles}

    @property
    def targets(self) -> dict[str, float]:
        """Target levels 1–5 by step or item id; the framework's proposals are not among them."""
        return dict(self.facts.targets)

    @property
    def source(self) -> str:
        """The line under every chart: wave and framework version."""
        return f"{self.name}, {self.wave.name} · {self.framework.id} {self.framework.version}"

    @property
    def is_empty(self) -> bool:
        """Whether nobody answered in this wave."""
        return not (self.extract.release.groups[WAVE] == self.wave.id).any()

    def is_assessed(self, step: str) -> bool:
        """Whether any item of a step was asked in this wave, hidden answers included."""
        scores = self.scores()
        return bool(((scores["kind"] == "step") & (scores["id"] == self.framework.step(step).id)).any())

    def scores(self, by: By = (), *, step: str | None = None) -> pd.DataFrame:
        """Score items, steps, streams and constructs, of one step if named.

        See :func:`cxlib.scoring.scores`.
        """
        held = self.extract
        found = scoring.scores(
            held.release, held.estimates, self.instrument, self.weights, wave=self.wave.id, by=by
        )
        if step is None:
            return found
        id_ = self.framework.step(step).id
        inside = {id_, *(item.id for item in self.framework.step(step).items)}
        inside |= {part.id for part in self.instrument.parts if part.id.startswith(f"{id_}.")}
        return found[found["id"].isin(inside)].reset_index(drop=True)

    def distribution(
        self, by: By = (), *, step: str | None = None, items: Iterable[str] | None = None
    ) -> pd.DataFrame:
        """Count the answers, of one step if named; see :func:`cxlib.scoring.distribution`."""
        if step is not None:
            items = [item.id for item in self.framework.step(step).items]
        return scoring.distribution(
            self.extract.release, self.instrument, self.weights, wave=self.wave.id, by=by, items=items
        )

    def metrics(self, by: By = (ROLE,)) -> pd.DataFrame:
        """Compute the metrics of the questions beside the steps; see :func:`cxlib.scoring.metrics`."""
        return scoring.metrics(self.extract.release, self.instrument, wave=self.wave.id, by=by)

    def reliability(self) -> pd.DataFrame:
        """Say how well the items of each step and construct hang together, by role: RELIABILITY frame."""
        return self._of_wave(self.extract.reliability)

    def drivers(self) -> pd.DataFrame:
        """Say what goes with an outcome, and how much of it, by role: DRIVERS frame."""
        return self._of_wave(self.extract.drivers)

    def _of_wave(self, frame: pd.DataFrame) -> pd.DataFrame:
        return frame[frame[WAVE] == self.wave.id].reset_index(drop=True)

    def comparisons(self) -> tuple[Finding, ...]:
        """Make every comparison of every family; see :func:`cxlib.findings.findings`."""
        held = self.extract
        return findings.findings(
            held.release,
            held.estimates,
            self.instrument,
            self.weights,
            wave=self.wave.id,
            waves={one.id: one.name for one in self.facts.waves},
        )

    def findings(self) -> tuple[Finding, ...]:
        """Return what stands out: the comparisons that are confirmed within their family."""
        return tuple(one for one in self.comparisons() if one.is_confirmed)

    def units(self, step: str, by: By) -> pd.DataFrame:
        """Rank units on a step without being led by luck; see :func:`cxlib.scoring.units`."""
        held = self.extract
        return scoring.units(
            held.release, held.estimates, self.instrument, wave=self.wave.id, step=step, by=by
        )

    def recommendations(self) -> tuple[Recommendation, ...]:
        """Say what to do first, and what later and why; see :func:`cxlib.planning.recommendations`."""
        scores = self.scores()
        order = ordering.sequence(scores, self.framework)
        return planning.recommendations(scores, order, self.instrument, self.targets)

    def participation(self) -> pd.DataFrame:
        """Say who was asked and who answered, by role: PARTICIPATION frame."""
        import pandas as pd

        groups = self.extract.release.groups
        groups = groups[(groups[WAVE] == self.wave.id) & (groups["cut"] == ROLE)].set_index(ROLE)
        rows = []
        told = self._told((ROLE,)).set_index(ROLE)["invited"]
        for role in self.facts.roles:
            hidden = bool(groups["is_hidden"].get(role.id, False))
            n = None if hidden else int(groups["n"].get(role.id, 0))
            of = int(told[role.id]) if role.id in told.index else role.population
            share = n / of if n is not None and of else None
            if n or hidden or of:
                rows.append((role.id, role.name, hidden, n, of, share))
        out = pd.DataFrame(rows, columns=PARTICIPATION.names())
        out = out.astype({"n": "Int64", "population": "Int64", "share": "float64", "is_hidden": "bool"})
        return check(out, PARTICIPATION)

    def response(self, by: By | None = None) -> pd.DataFrame:
        """Say who was invited and who answered, in the groups of one cut: RESPONSE frame.

        Without a cut, every published one of a single segment, one below the other; empty where nobody
        said who was invited. A hidden group keeps its row with those invited, whom the client knows, and
        without those who answered or their share: either would tell the other. Shares are of published
        counts alone, so they tell nothing that these do not.
        """
        import pandas as pd

        release = self.extract.release
        plan = [cut for cut in release.cuts if len(cut) == 1 and cut != (ROLE,)]
        wanted = plan if by is None else [scoring.published(release, by)]
        keys = [WAVE, "cut", *release.dims]
        groups = release.groups[release.groups[WAVE] == self.wave.id]
        parts = [
            groups[groups["cut"] == cut_name(cut)].merge(told, on=keys, how="outer")
            for cut in wanted
            if not (told := self._told(cut)).empty
        ]
        names = RESPONSE.names(release.dims)
        out = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*names])
        # Invited, and nobody answered: such a group is not there to be hidden, and its n is 0.
        silent = out["is_hidden"].isna()
        out["is_hidden"] = out["is_hidden"].astype("boolean").fillna(False)
        out["n"] = out["n"].astype("Int64").mask(silent, 0)
        out["invited"] = out["invited"].astype("Int64")
        out["share"] = out["n"] / out["invited"].where(out["invited"] > 0)
        kinds = {**dict.fromkeys(keys, "str"), "is_hidden": "bool", "share": "float64"}
        return check(out.astype(kinds)[names], RESPONSE, release.dims)

    def _told(self, cut: Sequence[str]) -> pd.DataFrame:
        """Return who was invited to this wave, in the groups of one cut."""
        told = self.extract.invited
        return told[(told[WAVE] == self.wave.id) & (told["cut"] == cut_name(cut))]

    @property
    def registers(self) -> Registers:
        """Touch points, promises, standards, measures, observations, initiatives and assumptions."""
        return Registers(self.facts.engagement, self.extract.registers)

    def register(self, name: str) -> pd.DataFrame:
        """Return one register, for example "standards", with the columns that `cxlib.registers` declares.

        Raises
        ------
        NotFoundError
            If there is no such register, naming the nearest.
        """
        return self.registers[find_register(name).name]

    @property
    def other_scales(self) -> list[str]:
        """Sentences on the scales that are seen on 1–5 by an affine view."""
        asked = set(self.extract.release.counts["item"])
        found: dict[tuple[int, int], int] = {}
        for item in sorted(asked):
            scale = self.instrument.scales[item]
            if (scale.low, scale.high) != (1, 5):
                found[(scale.low, scale.high)] = found.get((scale.low, scale.high), 0) + 1
        return [
            f"{count} item{'s' if count > 1 else ''} answered on {low}–{high}: answers are shown as given; "
            f"means are seen on 1–5 by 1 + 4·(x − {low})/{high - low}."
            for (low, high), count in found.items()
        ]

    @property
    def hidden_note(self) -> str:
        """One wording for everything hidden; it names no group and no number that could be subtracted."""
        return (
            f"Groups of fewer than {self.facts.threshold_scores} people are not shown, nor is any figure "
            "that would let one be worked out from the others. Where a table says “hidden”, that is why."
        )

    @property
    def provenance(self) -> list[str]:
        """What a reader needs to check a figure: framework and digest, data date, plan, library."""
        facts = self.facts
        plan = "; ".join(
            " by ".join(cut) if len(cut) > 1 else (cut[0] if cut else "everyone") for cut in facts.cuts
        )
        return [
            f"Framework {self.framework.id} {self.framework.version}, SHA-256 {self.framework.digest[:16]}…",
            f"Last answer: {facts.data_date or 'not dated'}",
            f"Published groups: {plan}; smallest group shown: {facts.threshold_scores}",
            f"cxlib {facts.library}",
            *(_other_words(wave) for wave in facts.waves if wave.unchanged < 1),
            *facts.notes,
        ]

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.facts.engagement}, wave {self.wave.id}>"

    def _repr_html_(self) -> str:
        """Say what is open, and lend the notebook the report's style; the report leaves this cell out."""
        return f"<style>{notebook_style()}</style>{note(self.source).markup}"

    # What only a live store can do says so here, instead of failing with an unknown name.

    def set_target(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("set a target")

    def import_file(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("import a file")

    def undo(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("undo an import")

    def set_invited(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("set who was invited")

    def set_contact(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("set a contact")

    def set_register(self, *_: Any, **__: Any) -> Any:
        raise self._read_only("load a register")

    def _read_only(self, what: str) -> ReadOnlyError:
        return ReadOnlyError(
            f"cannot {what}: this is a published extract of {self.facts.engagement}, and read-only",
            fix="Open the engagement without `extract` where the store is.",
        )


def _other_words(wave: WaveFacts) -> str:
    """Say that an earlier wave was asked with another version, and what that leaves to compare."""
    return (
        f"Wave {wave.name} was asked with {wave.framework}: {wave.unchanged:.0%} of the items are unchanged; "
        "only these are compared"
    )
