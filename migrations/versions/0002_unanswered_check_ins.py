"""An index of check-ins that nobody answered, so that silence is found without a long look."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UNANSWERED = sa.text("kind = 'checkin' AND answered_at IS NULL")


def upgrade() -> None:
    op.create_index(
        "ix_message_unanswered",
        "message",
        ["send_at"],
        postgresql_where=_UNANSWERED,
        sqlite_where=_UNANSWERED,
    )


def downgrade() -> None:
    op.drop_index("ix_message_unanswered", "message")
