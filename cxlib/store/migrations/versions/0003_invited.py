"""How many were invited to a wave, by role and segments: what response rates are taken of."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "invited",
        sa.Column("wave", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("position", sa.Integer(), nullable=False, autoincrement=False),
        sa.Column("cell", sa.JSON(), nullable=False),
        sa.Column("n", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("wave", "position", name="pk_invited"),
        sa.ForeignKeyConstraint(["wave"], ["wave.key"], name="fk_invited_wave"),
    )


def downgrade() -> None:
    raise NotImplementedError("a store is not taken back to an older version; restore a backup")
