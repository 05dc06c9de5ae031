"""When somebody must act on silence: questions, alarms that begin anew, notices that arrived."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ACT = sa.text("act_at IS NOT NULL")
_ON_ITS_WAY = sa.text("arrived_at IS NULL AND failed_at IS NULL")


def upgrade() -> None:
    op.add_column("reply", sa.Column("act_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index("ix_reply_act", "reply", ["act_at"], postgresql_where=_ACT, sqlite_where=_ACT)
    op.add_column("flag", sa.Column("alarm_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("notice", sa.Column("arrived_at", sa.DateTime(timezone=True), nullable=True))
    op.add_column("notice", sa.Column("failed_at", sa.DateTime(timezone=True), nullable=True))
    op.create_index(
        "ix_notice_on_its_way",
        "notice",
        ["created_at"],
        postgresql_where=_ON_ITS_WAY,
        sqlite_where=_ON_ITS_WAY,
    )


def downgrade() -> None:
    op.drop_index("ix_notice_on_its_way", "notice")
    op.drop_column("notice", "failed_at")
    op.drop_column("notice", "arrived_at")
    op.drop_column("flag", "alarm_at")
    op.drop_index("ix_reply_act", "reply")
    op.drop_column("reply", "act_at")
