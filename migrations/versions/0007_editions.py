"""A clinic's own editions of the protocol, and the one its new sessions are put on."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    plain_json = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")
    op.create_table(
        "edition",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("base", sa.Integer(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("changes", plain_json, nullable=False),
        sa.Column("drafted_by", sa.String(), nullable=False),
        sa.Column("changed_at", moment, nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("approved_at", moment, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_edition_clinic_id_clinic"),
        sa.PrimaryKeyConstraint("id", name="pk_edition"),
        sa.UniqueConstraint("clinic_id", "number", name="uq_edition_clinic_id_number"),
    )
    op.create_index("ix_edition_version", "edition", ["version"])
    a_draft = sa.text("approved_at IS NULL")
    op.create_index(
        "uq_edition_draft",
        "edition",
        ["clinic_id"],
        unique=True,
        postgresql_where=a_draft,
        sqlite_where=a_draft,
    )
    op.add_column("clinic", sa.Column("protocol_version", sa.Integer(), nullable=True))


def downgrade() -> None:
    op.drop_column("clinic", "protocol_version")
    op.drop_table("edition")
