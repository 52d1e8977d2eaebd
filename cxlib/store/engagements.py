"""Rows of engagements, waves, targets and assumptions; each function works on an open transaction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import Connection, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from cxlib.declarations import AssumptionSpec, EngagementSpec, Id, Name, TargetSpec, WaveSpec
from cxlib.errors import ConflictError, NotFoundError, StoreError, nearest
from cxlib.store.records import EngagementRecord, EngagementSummary, FrameworkRecord
from cxlib.store.schema import (
    assumption,
    contact,
    engagement,
    framework,
    invited,
    role,
    segment,
    target,
    wave,
    wave_framework,
)

S = TypeVar("S", TargetSpec, AssumptionSpec)


def now() -> datetime:
    return datetime.now(UTC)


def storable(text: str, what: str) -> str:
    """Return `text` if every database can hold it.

    Raises
    ------
    StoreError
        If it holds a NUL character or half of a surrogate pair.
    """
    if "\0" in text or any(0xD800 <= ord(char) <= 0xDFFF for char in text):
        raise StoreError(
            f"{what} holds a character that cannot be stored: {ascii(text)[:60]}", fix="Remove it."
        )
    return text


def _some(names: Iterable[str]) -> str:
    """Write a list out, but not a list of hundreds."""
    shown = sorted(names)
    more = f" and {len(shown) - 10} more" if len(shown) > 10 else ""
    return (", ".join(shown[:10]) or "none") + more


# ── Frameworks and engagements ──────────────────────────────────────────────────────────────────


def insert_framework(connection: Connection, *, id: str, version: str, document: str) -> str:
    """Make sure that a framework is in the store and return its digest.

    Raises
    ------
    ConflictError
        If this version is there with another text: a version that was used never changes.
    """
    storable(id, "the framework's id"), storable(version, "its version"), storable(document, "the framework")
    digest = hashlib.sha256(document.encode()).hexdigest()
    rows = connection.execute(
        select(framework.c.id, framework.c.version, framework.c.digest).where(
            (framework.c.digest == digest) | ((framework.c.id == id) & (framework.c.version == version))
        )
    ).all()
    for row in rows:
        if row.digest != digest:
            raise ConflictError(
                f"framework {id} {version} is in use with another text; a used version never changes",
                fix="Give the changed framework a new version number.",
            )
        if (row.id, row.version) != (id, version):
            raise ConflictError(
                f"this framework is in the store as {row.id} {row.version}, not {id} {version}"
            )
    if not rows:
        connection.execute(
            insert(framework).values(
                digest=digest, id=id, version=version, document=document, created_at=now()
            )
        )
    return digest


def insert_engagement(
    connection: Connection,
    spec: EngagementSpec,
    framework_digest: str,
    wave_frameworks: Mapping[str, str] | None = None,
) -> None:
    """Write a new engagement with all that its declaration holds.

    `wave_frameworks`: wave id → digest, for the waves that are assessed with another version.

    Raises
    ------
    ConflictError
        If the name is taken.
    """
    slug = spec.engagement
    values = {
        "slug": slug,
        "name": spec.name,
        "framework": framework_digest,
        "framework_name": spec.framework,
        "languages": list(spec.languages),
        "min_scores": spec.anonymity.scores,
        "min_comments": spec.anonymity.comments,
        # The plan itself, not the rule that made it: a later rule must not widen an old engagement.
        "release_cuts": [list(cut) for cut in spec.cuts],
        "created_at": now(),
    }
    try:
        connection.execute(insert(engagement).values(values))
    except IntegrityError:
        raise ConflictError(
            f"engagement {slug} exists already; roles, segments, thresholds and release plan stay as created",
            fix="Choose another name, or add a wave to the existing one.",
        ) from None
    rows: list[tuple[Table, list[dict[str, Any]]]] = [
        (
            role,
            [
                {"id": id, "position": position, "population": one.population, "weight": one.weight}
                for position, (id, one) in enumerate(spec.roles.items())
            ],
        ),
        (
            segment,
            [
                {"id": id, "position": position, "name": one.name}
                for position, (id, one) in enumerate(spec.segments.items())
            ],
        ),
    ]
    for table, lines in rows:
        if lines:
            connection.execute(insert(table), [{"engagement": slug, **line} for line in lines])
    for one in spec.waves:
        insert_wave(connection, slug, one, (wave_frameworks or {}).get(one.id))
    if spec.contact is not None:
        write_contact(connection, slug, spec.contact)
    for id, goal in spec.targets.items():
        write_target(connection, slug, id, goal)
    for id, value in spec.assumptions.items():
        write_assumption(connection, slug, id, value)


def require_engagement(connection: Connection, slug: str) -> str:
    """Return the framework digest of an engagement.

    Raises
    ------
    NotFoundError
        With the nearest name that exists.
    """
    # Compared here, not there: no text that a person typed can then trouble a driver.
    known = {
        row.slug: row.framework
        for row in connection.execute(select(engagement.c.slug, engagement.c.framework))
    }
    if slug not in known:
        raise NotFoundError(
            f"no engagement {slug!a}{nearest(slug, known)}",
            fix=f"The store has {_some(known)}." if known else "Create one with cx init.",
        )
    return str(known[slug])


def select_engagements(connection: Connection) -> list[EngagementSummary]:
    waves: dict[str, list[str]] = {}
    for row in connection.execute(select(wave.c.engagement, wave.c.id).order_by(wave.c.position)):
        waves.setdefault(row.engagement, []).append(row.id)
    rows = connection.execute(
        select(
            engagement.c.slug,
            engagement.c.name,
            engagement.c.created_at,
            framework.c.id.label("framework_id"),
            framework.c.version,
        )
        .join_from(engagement, framework)
        .order_by(engagement.c.slug)
    )
    return [
        EngagementSummary(
            slug=row.slug,
            name=row.name,
            framework_id=row.framework_id,
            framework_version=row.version,
            waves=tuple(waves.get(row.slug, ())),
            created_at=row.created_at,
        )
        for row in rows
    ]


def select_engagement(connection: Connection, slug: str) -> EngagementRecord:
    """Rebuild an engagement's declaration from its rows."""
    require_engagement(connection, slug)
    head = connection.execute(
        select(
            engagement,
            framework.c.id.label("framework_id"),
            framework.c.version.label("framework_version"),
            framework.c.document,
        )
        .join_from(engagement, framework)
        .where(engagement.c.slug == slug)
    ).one()
    declared = {
        "engagement": head.slug,
        "name": head.name,
        "framework": head.framework_name,
        "contact": select_contact(connection, slug),
        "languages": list(head.languages),
        "roles": {
            row.id: {"population": row.population, "weight": row.weight}
            for row in _in_order(connection, role, slug)
        },
        "segments": {row.id: {"name": row.name} for row in _in_order(connection, segment, slug)},
        "anonymity": {"scores": head.min_scores, "comments": head.min_comments},
        "release": [list(cut) for cut in head.release_cuts],
        "waves": [one.model_dump() for one in select_waves(connection, slug)],
        "targets": {id: one.model_dump() for id, one in select_targets(connection, slug).items()},
        "assumptions": {id: one.model_dump() for id, one in select_assumptions(connection, slug).items()},
    }
    try:
        spec = EngagementSpec.model_validate(declared)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise StoreError(
            f"the rows of engagement {slug} break its schema at {where or 'top'}: {first['msg']}",
            fix="Run cx doctor; if the store was edited by hand, restore a backup.",
        ) from None
    return EngagementRecord(
        spec=spec,
        framework_id=head.framework_id,
        framework_version=head.framework_version,
        framework_digest=head.framework,
        framework_document=head.document,
        created_at=head.created_at,
    )


def _in_order(connection: Connection, table: Table, slug: str) -> Iterable[Any]:
    return connection.execute(select(table).where(table.c.engagement == slug).order_by(table.c.position))


# ── Waves ───────────────────────────────────────────────────────────────────────────────────────


def insert_wave(
    connection: Connection, slug: str, spec: WaveSpec, framework_digest: str | None = None
) -> None:
    """Add a round of assessment after the others, with a framework of its own where one is given.

    Raises
    ------
    ConflictError
        If the engagement has a wave of this id.
    """
    last = connection.execute(select(func.max(wave.c.position)).where(wave.c.engagement == slug)).scalar()
    try:
        added = connection.execute(
            insert(wave).values(
                engagement=slug,
                id=spec.id,
                name=spec.name,
                date=spec.date,
                position=0 if last is None else last + 1,
            )
        )
    except IntegrityError:
        raise ConflictError(
            f"engagement {slug} has a wave {spec.id} already", fix="Choose another id."
        ) from None
    if framework_digest is not None:
        key = added.inserted_primary_key[0] if added.inserted_primary_key else None
        connection.execute(insert(wave_framework).values(wave=key, framework=framework_digest))


def select_waves(connection: Connection, slug: str) -> list[WaveSpec]:
    """List the waves in order; `framework` is named where it is not the engagement's."""
    rows = connection.execute(
        select(wave.c.id, wave.c.name, wave.c.date, framework.c.id.label("of"), framework.c.version)
        .outerjoin_from(wave, wave_framework)
        .outerjoin(framework, wave_framework.c.framework == framework.c.digest)
        .where(wave.c.engagement == slug)
        .order_by(wave.c.position)
    )
    return [
        WaveSpec(
            id=row.id, name=row.name, date=row.date, framework=f"{row.of}-{row.version}" if row.of else None
        )
        for row in rows
    ]


def select_framework(connection: Connection, slug: str, wave_key: int) -> FrameworkRecord:
    """Return what a wave is assessed with: its own framework, else its engagement's."""
    own = connection.execute(
        select(wave_framework.c.framework).where(wave_framework.c.wave == wave_key)
    ).scalar()
    digest = own or require_engagement(connection, slug)
    row = connection.execute(
        select(framework.c.id, framework.c.version, framework.c.digest, framework.c.document).where(
            framework.c.digest == digest
        )
    ).one()
    return FrameworkRecord(row.id, row.version, row.digest, row.document)


def select_used_digest(connection: Connection, id: str, version: str) -> str | None:
    """Return the digest of a framework's version as it was used, if it was."""
    return connection.execute(
        select(framework.c.digest).where(framework.c.id == id, framework.c.version == version)
    ).scalar()


# ── The contact ─────────────────────────────────────────────────────────────────────────────────


def checked_contact(name: str) -> str:
    """Return a contact that will read back as part of a declaration.

    Raises
    ------
    StoreError
        If it is empty, too long, or holds what cannot be stored or shown.
    """
    try:
        return _CONTACT.validate_python(name)
    except ValidationError as error:
        first = error.errors()[0]
        raise StoreError(
            f"the contact cannot be set: {first['msg']}; found {ascii(first['input'])[:60]}",
            fix="Write one line of 1 to 200 characters, such as a name and an address.",
        ) from None


_CONTACT: TypeAdapter[str] = TypeAdapter(Name)


def write_contact(connection: Connection, slug: str, name: str) -> None:
    _write(
        connection,
        contact,
        {"engagement": slug},
        {"name": storable(name, "the contact"), "set_at": now()},
    )


def select_contact(connection: Connection, slug: str) -> str | None:
    return connection.execute(select(contact.c.name).where(contact.c.engagement == slug)).scalar()


def require_wave(connection: Connection, slug: str, id: str) -> int:
    """Return the key of a wave.

    Raises
    ------
    NotFoundError
        If the engagement or the wave does not exist, with the nearest name that does.
    """
    require_engagement(connection, slug)
    known = {row.id: row.key for row in _in_order(connection, wave, slug)}
    if id not in known:
        raise NotFoundError(
            f"engagement {slug} has no wave {id!a}{nearest(id, known)}",
            fix=f"It has {_some(known)}.",
        )
    return int(known[id])


# ── Targets and assumptions ─────────────────────────────────────────────────────────────────────


def write_invited(
    connection: Connection, wave_key: int, cells: Sequence[tuple[Mapping[str, str], int]]
) -> None:
    connection.execute(delete(invited).where(invited.c.wave == wave_key))
    rows = [
        {"wave": wave_key, "position": place, "cell": dict(cell), "n": n}
        for place, (cell, n) in enumerate(cells)
    ]
    if rows:
        connection.execute(insert(invited), rows)


def select_invited(connection: Connection, wave_key: int) -> list[tuple[dict[str, str], int]]:
    rows = select(invited.c.cell, invited.c.n).where(invited.c.wave == wave_key).order_by(invited.c.position)
    return [(dict(row.cell), int(row.n)) for row in connection.execute(rows)]


def checked_target(id: str, level: float, because: str) -> TargetSpec:
    """Build a target, with its id checked, since it must read back as part of a declaration.

    Raises
    ------
    StoreError
        If the level is not on 1–5 or the id is none.
    """
    return _checked(_TARGETS, "target", id, {"level": level, "because": because})


def checked_assumption(id: str, spec: AssumptionSpec) -> AssumptionSpec:
    return _checked(_ASSUMPTIONS, "assumption", id, spec)


_TARGETS = TypeAdapter(dict[Id, TargetSpec])
_ASSUMPTIONS = TypeAdapter(dict[Id, AssumptionSpec])


def _checked(adapter: TypeAdapter[dict[str, S]], what: str, id: str, value: Any) -> S:
    try:
        return adapter.validate_python({id: value})[id]
    except ValidationError as error:
        first = error.errors()[0]
        raise StoreError(
            f"{what} {id!a} cannot be set: {first['msg']}; found {ascii(first['input'])[:60]}",
            fix="Ids are written like s3.i04; a target is a level from 1 to 5.",
        ) from None


def write_target(connection: Connection, slug: str, id: str, spec: TargetSpec) -> None:
    _write(
        connection,
        target,
        {"engagement": slug, "id": id},
        {"level": spec.level, "because": storable(spec.because, "the reason"), "set_at": now()},
    )


def select_targets(connection: Connection, slug: str) -> dict[str, TargetSpec]:
    rows = connection.execute(select(target).where(target.c.engagement == slug).order_by(target.c.id))
    return {row.id: TargetSpec(level=row.level, because=row.because) for row in rows}


def write_assumption(connection: Connection, slug: str, id: str, spec: AssumptionSpec) -> None:
    _write(
        connection,
        assumption,
        {"engagement": slug, "id": id, "dated": spec.dated},
        {"value": spec.value, "unit": spec.unit, "source": spec.source, "set_at": now()},
    )


def select_assumptions(connection: Connection, slug: str) -> dict[str, AssumptionSpec]:
    """Return the newest value of each assumption."""
    rows = connection.execute(
        select(assumption)
        .where(assumption.c.engagement == slug)
        .order_by(assumption.c.id, assumption.c.dated)
    )
    return {
        row.id: AssumptionSpec(value=row.value, unit=row.unit, source=row.source, dated=row.dated)
        for row in rows
    }


def _write(connection: Connection, table: Table, key: dict[str, Any], values: dict[str, Any]) -> None:
    """Write one row over the one of the same key, if there is one."""
    change = update(table).values(values)
    for name, value in key.items():
        change = change.where(table.c[name] == value)
    if connection.execute(change).rowcount == 0:
        connection.execute(insert(table).values(key | values))
