"""Accounts, their recovery codes and links, sign-ins, and how often guessing has failed."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    moment = sa.DateTime(timezone=True)
    op.create_table(
        "account",
        sa.Column("email", sa.LargeBinary(), nullable=False),
        sa.Column("email_hash", sa.LargeBinary(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("last_totp_step", sa.Integer(), nullable=False),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("password_set_at", moment, nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_account"),
        sa.UniqueConstraint("email_hash", name="uq_account_email_hash"),
    )
    op.create_table(
        "recovery_code",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("code_hash", sa.String(), nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_recovery_code_account_id_account"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_recovery_code"),
        sa.UniqueConstraint("code_hash", name="uq_recovery_code_code_hash"),
    )
    op.create_index("ix_recovery_code_account_id", "recovery_code", ["account_id"])
    _add_account_of_staff()
    op.create_table(
        "staff_link",
        sa.Column("purpose", _one_of("linkpurpose", "invitation", "reset"), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("account_id", sa.Uuid(), nullable=True),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("totp_secret", sa.LargeBinary(), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("expires_at", moment, nullable=False),
        sa.Column("used_at", moment, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "staff_id IS NOT NULL OR account_id IS NOT NULL", name="ck_staff_link_names_somebody"
        ),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_staff_link_account_id_account"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_staff_link_staff_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_staff_link"),
        sa.UniqueConstraint("token_hash", name="uq_staff_link_token_hash"),
    )
    op.create_index("ix_staff_link_staff_id", "staff_link", ["staff_id"])
    op.create_index("ix_staff_link_account_id", "staff_link", ["account_id"])
    op.create_table(
        "sign_in",
        sa.Column("account_id", sa.Uuid(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("complete", sa.Boolean(), nullable=False),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=True),
        sa.Column("role", _one_of("role", "admin", "therapist"), nullable=True),
        sa.Column("created_at", moment, nullable=False),
        sa.Column("began_at", moment, nullable=False),
        sa.Column("seen_at", moment, nullable=False),
        sa.Column("ended_at", moment, nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(
            ["account_id"], ["account.id"], name="fk_sign_in_account_id_account"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_sign_in_staff_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_sign_in"),
        sa.UniqueConstraint("token_hash", name="uq_sign_in_token_hash"),
    )
    op.create_index("ix_sign_in_account_id", "sign_in", ["account_id"])
    op.create_table(
        "throttle",
        sa.Column("key", sa.LargeBinary(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("last_at", moment, nullable=False),
        sa.Column("free_at", moment, nullable=False),
        sa.PrimaryKeyConstraint("key", name="pk_throttle"),
    )


def downgrade() -> None:
    op.drop_table("throttle")
    op.drop_table("sign_in")
    op.drop_table("staff_link")
    op.drop_index("ix_staff_account_id", "staff")
    op.drop_column("staff", "account_id")
    op.drop_table("recovery_code")
    op.drop_table("account")


def _add_account_of_staff() -> None:
    if op.get_bind().dialect.name == "sqlite":
        # Alembic would copy the table for this; SQLite itself adds such a column in place.
        op.execute("ALTER TABLE staff ADD COLUMN account_id CHAR(32) REFERENCES account (id)")
    else:
        op.add_column("staff", sa.Column("account_id", sa.Uuid(), nullable=True))
        op.create_foreign_key(
            "fk_staff_account_id_account", "staff", "account", ["account_id"], ["id"]
        )
    op.create_index("ix_staff_account_id", "staff", ["account_id"])


def _one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, native_enum=False, create_constraint=True, length=32)
