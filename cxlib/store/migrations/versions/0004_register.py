"""Registers: touch points, promises, standards, measures, actions, as people load them, load by load."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "register",
        sa.Column("engagement", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("rows", sa.JSON(), nullable=False),
        sa.Column("author", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("engagement", "name", "version", name="pk_register"),
        sa.ForeignKeyConstraint(["engagement"], ["engagement.slug"], name="fk_register_engagement"),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older version; restore a backup")
