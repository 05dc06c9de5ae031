"""What each worker has counted, for the metrics."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    kind = sa.JSON().with_variant(JSONB(), "postgresql")
    op.add_column("worker", sa.Column("figures", kind, nullable=True))


def downgrade() -> None:
    op.drop_column("worker", "figures")
