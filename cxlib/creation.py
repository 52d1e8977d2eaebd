"""Creating an engagement: its file checked against the frameworks it names, its release plan written out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cxlib.declarations import EngagementSpec, read_document, validate
from cxlib.errors import SHOWN, DeclarationError, Problem, nearest
from cxlib.framework import Framework, find_framework, load_framework
from cxlib.store import Store


def create_engagement(store: Store, path: Path, *, frameworks: Path) -> EngagementSpec:
    """Create an engagement from its file; `framework` in it is an id, an id-version, or a path beside it.

    Raises
    ------
    DeclarationError
        If it names a role, language, step or item that the framework does not have.
    ConflictError
        If the name is taken.
    """
    document = read_document(path)
    spec = validate(EngagementSpec, document)

    def found(name: str) -> Framework:
        beside = path.parent / name
        return load_framework(beside if beside.is_file() else find_framework(name, frameworks))

    others = {wave.id: found(wave.framework) for wave in spec.waves if wave.framework is not None}
    add_engagement(store, spec, found(spec.framework), wave_frameworks=others, name=document.name)
    return spec


def add_engagement(
    store: Store,
    spec: EngagementSpec,
    framework: Framework,
    *,
    wave_frameworks: Mapping[str, Framework] | None = None,
    name: str = "engagement",
) -> None:
    """Add a declared engagement to the store, after checking it against each framework it names."""
    others = wave_frameworks or {}
    for one in (framework, *others.values()):
        check_fit(spec, one, name=name)
    store.add_engagement(
        fix_release(spec),
        framework_id=framework.id,
        framework_version=framework.version,
        framework_document=framework.document.text,
        wave_frameworks={wave: (one.id, one.version, one.document.text) for wave, one in others.items()},
    )


def check_fit(spec: EngagementSpec, framework: Framework, *, name: str) -> None:
    """Refuse an engagement whose roles, languages or targets a framework does not have.

    Raises
    ------
    DeclarationError
        Naming each, with the nearest that there is.
    """
    roles = [role.id for role in framework.roles]
    ids = [*(step.id for step in framework.steps), *framework.items]
    languages = framework.content.languages
    problems = [
        Problem(
            f"{name}, {field}",
            f"{framework.id} {framework.version} has no {one!r}{nearest(one, known)}",
            expected=", ".join(known[:SHOWN]) + (" …" if len(known) > SHOWN else ""),
        )
        for field, named, known in (
            ("roles", spec.roles, roles),
            ("languages", spec.languages, languages),
            ("targets", spec.targets, ids),
        )
        for one in named
        if one not in known
    ]
    if problems:
        raise DeclarationError(
            f"{name} does not fit {framework.id} {framework.version}",
            problems=problems,
            fix="Correct it and try again.",
        )


def fix_release(spec: EngagementSpec) -> EngagementSpec:
    """Write the release plan out, so that a later default cannot change what was agreed."""
    return spec.model_copy(update={"release": [list(cut) for cut in spec.cuts]})
