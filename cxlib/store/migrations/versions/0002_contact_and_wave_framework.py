"""Whom respondents write to; and a wave that is assessed with another version than its engagement."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "contact",
        sa.Column("engagement", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("engagement", name="pk_contact"),
        sa.ForeignKeyConstraint(["engagement"], ["engagement.slug"], name="fk_contact_engagement"),
    )
    op.create_table(
        "wave_framework",
        sa.Column("wave", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("framework", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("wave", name="pk_wave_framework"),
        sa.ForeignKeyConstraint(["wave"], ["wave.key"], name="fk_wave_framework_wave"),
        sa.ForeignKeyConstraint(["framework"], ["framework.digest"], name="fk_wave_framework_framework"),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older version; restore a backup")
