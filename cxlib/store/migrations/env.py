"""Run by Alembic: migrate on the connection that :func:`cxlib.store.migrations.upgrade` gave it."""

from __future__ import annotations

from alembic import context

from cxlib.store.schema import VERSION_TABLE, metadata

# The transaction is the caller's, so that a migration that fails half-way leaves the tables as they were.
context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
