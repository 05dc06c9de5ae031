"""The first tables: from clinics and patients to flags, calls and the audit trail."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_JSON = sa.JSON().with_variant(postgresql.JSONB(), "postgresql")


def upgrade() -> None:
    op.create_table(
        "bookmark",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("reached", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_bookmark"),
    )
    op.create_table(
        "clinic",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("phone", sa.String(), nullable=False),
        sa.Column("time_zone", sa.String(), nullable=False),
        sa.Column("sender", sa.String(), nullable=True),
        sa.Column("inbound_number", sa.String(), nullable=True),
        sa.Column("email_from", sa.String(), nullable=True),
        sa.Column("hours", _JSON, nullable=False),
        sa.Column("holidays", _JSON, nullable=False),
        sa.Column("segments_per_second", sa.Double(), nullable=False),
        sa.Column("sender_free_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sending_stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sending_stopped_because", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_clinic"),
        sa.UniqueConstraint("inbound_number", name="uq_clinic_inbound_number"),
        sa.UniqueConstraint("sender", name="uq_clinic_sender"),
    )
    op.create_table(
        "protocol",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("digest", sa.String(), nullable=False),
        sa.Column("first_used_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_by", sa.String(), nullable=True),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("version", name="pk_protocol"),
    )
    op.create_table(
        "worker",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("beat_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_worker"),
    )
    op.create_table(
        "address",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "sms", "email", name="channel", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("lookup_hash", sa.LargeBinary(), nullable=False),
        sa.Column("value", sa.LargeBinary(), nullable=True),
        sa.Column("opted_out_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("opted_out_by", sa.String(), nullable=True),
        sa.Column("paused_because", sa.String(), nullable=True),
        sa.Column("landline_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_since", sa.DateTime(timezone=True), nullable=True),
        sa.Column("failing_because", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_address_clinic_id_clinic"),
        sa.PrimaryKeyConstraint("id", name="pk_address"),
        sa.UniqueConstraint(
            "clinic_id", "channel", "lookup_hash", name="uq_address_clinic_id_channel_lookup_hash"
        ),
    )
    op.create_table(
        "api_key",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("key_hash", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_api_key_clinic_id_clinic"),
        sa.PrimaryKeyConstraint("id", name="pk_api_key"),
    )
    op.create_index("ix_api_key_clinic_id", "api_key", ["clinic_id"], unique=False)
    op.create_index("ix_api_key_key_hash", "api_key", ["key_hash"], unique=True)
    op.create_table(
        "audit",
        sa.Column("clinic_id", sa.Uuid(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("subject", sa.String(), nullable=False),
        sa.Column("detail", _JSON, nullable=False),
        sa.Column("position", sa.Integer(), nullable=True),
        sa.Column("chain", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_audit_clinic_id_clinic"),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_clinic_id_at", "audit", ["clinic_id", "at"], unique=False)
    op.create_index(
        "ix_audit_unchained",
        "audit",
        ["id"],
        unique=False,
        postgresql_where=sa.text("chain IS NULL"),
        sqlite_where=sa.text("chain IS NULL"),
    )
    op.create_index("uq_audit_position", "audit", ["position"], unique=True)
    op.create_table(
        "staff",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.LargeBinary(), nullable=False),
        sa.Column("email", sa.LargeBinary(), nullable=False),
        sa.Column("email_hash", sa.LargeBinary(), nullable=False),
        sa.Column("phone", sa.LargeBinary(), nullable=True),
        sa.Column(
            "role",
            sa.Enum(
                "admin",
                "therapist",
                name="role",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("duty", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("disabled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_staff_clinic_id_clinic"),
        sa.PrimaryKeyConstraint("id", name="pk_staff"),
        sa.UniqueConstraint("clinic_id", "email_hash", name="uq_staff_clinic_id_email_hash"),
    )
    op.create_index("ix_staff_clinic_id", "staff", ["clinic_id"], unique=False)
    op.create_table(
        "patient",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("first_name", sa.LargeBinary(), nullable=True),
        sa.Column(
            "language",
            sa.Enum(
                "en", "es", name="language", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("time_zone", sa.String(), nullable=True),
        sa.Column(
            "channel",
            sa.Enum(
                "sms", "email", name="channel", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("phone_address_id", sa.Uuid(), nullable=True),
        sa.Column("email_address_id", sa.Uuid(), nullable=True),
        sa.Column("health_flags", sa.LargeBinary(), nullable=True),
        sa.Column("guardian", sa.Boolean(), nullable=False),
        sa.Column("welcomed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("stopped_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("erased_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_patient_clinic_id_clinic"),
        sa.ForeignKeyConstraint(
            ["email_address_id"], ["address.id"], name="fk_patient_email_address_id_address"
        ),
        sa.ForeignKeyConstraint(
            ["phone_address_id"], ["address.id"], name="fk_patient_phone_address_id_address"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_patient"),
    )
    op.create_index(
        "ix_patient_clinic_id_created_at", "patient", ["clinic_id", "created_at"], unique=False
    )
    op.create_index("ix_patient_email_address_id", "patient", ["email_address_id"], unique=False)
    op.create_index("ix_patient_phone_address_id", "patient", ["phone_address_id"], unique=False)
    op.create_table(
        "consent",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("sms", sa.Boolean(), nullable=False),
        sa.Column("email", sa.Boolean(), nullable=False),
        sa.Column("details", sa.Boolean(), nullable=False),
        sa.Column("recorded_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("recorded_by", sa.String(), nullable=False),
        sa.Column("wording_version", sa.Integer(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_consent_clinic_id_clinic"),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name="fk_consent_patient_id_patient"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_consent"),
    )
    op.create_index(
        "ix_consent_patient_id_recorded_at", "consent", ["patient_id", "recorded_at"], unique=False
    )
    op.create_table(
        "treatment_session",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("regions", _JSON, nullable=False),
        sa.Column("baseline_pain", sa.Integer(), nullable=True),
        sa.Column("first_session", sa.Boolean(), nullable=False),
        sa.Column(
            "trigger_points",
            sa.Enum(
                "low",
                "medium",
                "high",
                name="triggerpoints",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column(
            "plan",
            sa.Enum(
                "heat",
                "ice",
                "either",
                "none",
                "unset",
                name="heaticeplan",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("move_plan", sa.LargeBinary(), nullable=True),
        sa.Column("protocol_version", sa.Integer(), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "active",
                "superseded",
                "cancelled",
                name="sessionstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("state_reason", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "baseline_pain BETWEEN 0 AND 10", name="ck_treatment_session_baseline_pain"
        ),
        sa.ForeignKeyConstraint(
            ["clinic_id"], ["clinic.id"], name="fk_treatment_session_clinic_id_clinic"
        ),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name="fk_treatment_session_patient_id_patient"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_treatment_session"),
        sa.UniqueConstraint(
            "clinic_id", "external_id", name="uq_treatment_session_clinic_id_external_id"
        ),
    )
    op.create_index(
        "ix_treatment_session_clinic_id_created_at_id",
        "treatment_session",
        ["clinic_id", "created_at", "id"],
        unique=False,
    )
    op.create_index(
        "ix_treatment_session_patient_id_ended_at",
        "treatment_session",
        ["patient_id", "ended_at"],
        unique=False,
    )
    op.create_table(
        "message",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("reply_id", sa.Uuid(), nullable=True),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column(
            "kind",
            sa.Enum(
                "reminder",
                "safety",
                "tip",
                "checkin",
                "reply",
                "notice",
                name="messagekind",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("lane", sa.Integer(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "sms", "email", name="channel", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("wording", sa.String(), nullable=False),
        sa.Column(
            "language",
            sa.Enum(
                "en", "es", name="language", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("protocol_version", sa.Integer(), nullable=False),
        sa.Column("slots", sa.LargeBinary(), nullable=True),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("send_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("send_before", sa.DateTime(timezone=True), nullable=False),
        sa.Column("useful_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "planned",
                "claimed",
                "accepted",
                "delivered",
                "undelivered",
                "refused",
                "unknown",
                "skipped",
                "cancelled",
                name="messagestate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("claim_token", sa.Uuid(), nullable=True),
        sa.Column("claimed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("ask_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("asked", sa.Integer(), nullable=False),
        sa.Column("provider_ref", sa.String(), nullable=True),
        sa.Column("provider_status", sa.String(), nullable=True),
        sa.Column("error_code", sa.Integer(), nullable=True),
        sa.Column("segments", sa.Integer(), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("delivered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("answered_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state <> 'claimed' OR (claim_token IS NOT NULL AND lease_until IS NOT NULL)",
            name="ck_message_claimed_has_a_token",
        ),
        sa.CheckConstraint(
            "state IN ('planned', 'claimed') OR reason IS NOT NULL",
            name="ck_message_explains_itself",
        ),
        sa.CheckConstraint("send_at <= send_before", name="ck_message_window"),
        sa.ForeignKeyConstraint(
            ["address_id"], ["address.id"], name="fk_message_address_id_address"
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_message_clinic_id_clinic"),
        sa.ForeignKeyConstraint(
            ["patient_id"], ["patient.id"], name="fk_message_patient_id_patient"
        ),
        sa.ForeignKeyConstraint(
            ["reply_id"], ["reply.id"], name="fk_message_reply_id_reply", use_alter=True
        ),
        sa.ForeignKeyConstraint(
            ["session_id"], ["treatment_session.id"], name="fk_message_session_id_treatment_session"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_message"),
    )
    op.create_index(
        "ix_message_address_id_created_at", "message", ["address_id", "created_at"], unique=False
    )
    op.create_index(
        "ix_message_claimed",
        "message",
        ["lease_until"],
        unique=False,
        postgresql_where=sa.text("state = 'claimed'"),
        sqlite_where=sa.text("state = 'claimed'"),
    )
    op.create_index(
        "ix_message_planned",
        "message",
        ["clinic_id", "lane", "send_at"],
        unique=False,
        postgresql_where=sa.text("state = 'planned'"),
        sqlite_where=sa.text("state = 'planned'"),
    )
    op.create_index(
        "ix_message_planned_send_before",
        "message",
        ["send_before"],
        unique=False,
        postgresql_where=sa.text("state = 'planned'"),
        sqlite_where=sa.text("state = 'planned'"),
    )
    op.create_index("ix_message_session_id", "message", ["session_id"], unique=False)
    op.create_index(
        "ix_message_unknown",
        "message",
        ["ask_at"],
        unique=False,
        postgresql_where=sa.text("state = 'unknown'"),
        sqlite_where=sa.text("state = 'unknown'"),
    )
    op.create_index("uq_message_answer", "message", ["reply_id", "key", "channel"], unique=True)
    op.create_index("uq_message_provider_ref", "message", ["provider_ref"], unique=True)
    op.create_index(
        "uq_message_scheduled",
        "message",
        ["session_id", "key", "channel"],
        unique=True,
        postgresql_where=sa.text("kind NOT IN ('reply', 'notice')"),
        sqlite_where=sa.text("kind NOT IN ('reply', 'notice')"),
    )
    op.create_table(
        "reply",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "sms", "email", name="channel", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("provider_ref", sa.String(), nullable=False),
        sa.Column("address_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("checkin_id", sa.Uuid(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("media", sa.LargeBinary(), nullable=True),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("read_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column(
            "level",
            sa.Enum(
                "emergency",
                "urgent",
                "routine",
                "ok",
                name="level",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("categories", _JSON, nullable=True),
        sa.Column("findings", sa.LargeBinary(), nullable=True),
        sa.Column("answer", sa.String(), nullable=True),
        sa.Column("opt_out", sa.Boolean(), nullable=False),
        sa.Column("rules_version", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["address_id"], ["address.id"], name="fk_reply_address_id_address"),
        sa.ForeignKeyConstraint(["checkin_id"], ["message.id"], name="fk_reply_checkin_id_message"),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_reply_clinic_id_clinic"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_reply_patient_id_patient"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["treatment_session.id"], name="fk_reply_session_id_treatment_session"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_reply"),
        sa.UniqueConstraint("provider", "provider_ref", name="uq_reply_provider_provider_ref"),
    )
    op.create_index(
        "ix_reply_address_id_received_at", "reply", ["address_id", "received_at"], unique=False
    )
    op.create_index(
        "ix_reply_clinic_id_received_at", "reply", ["clinic_id", "received_at"], unique=False
    )
    op.create_index(
        "ix_reply_patient_id_received_at", "reply", ["patient_id", "received_at"], unique=False
    )
    op.create_index(
        "ix_reply_unread",
        "reply",
        ["received_at"],
        unique=False,
        postgresql_where=sa.text("read_at IS NULL"),
        sqlite_where=sa.text("read_at IS NULL"),
    )
    op.create_table(
        "flag",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("patient_id", sa.Uuid(), nullable=True),
        sa.Column("session_id", sa.Uuid(), nullable=True),
        sa.Column("reply_id", sa.Uuid(), nullable=True),
        sa.Column("message_id", sa.Uuid(), nullable=True),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column(
            "level",
            sa.Enum(
                "emergency",
                "urgent",
                "routine",
                "ok",
                name="level",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("categories", _JSON, nullable=False),
        sa.Column("score", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column("raised_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "state",
            sa.Enum(
                "open",
                "owned",
                "closed",
                name="flagstate",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("owner", sa.String(), nullable=True),
        sa.Column("owned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("next_try_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("tries", sa.Integer(), nullable=False),
        sa.Column("escalate_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("closed_by", sa.String(), nullable=True),
        sa.Column(
            "outcome",
            sa.Enum(
                "reached",
                "advised",
                "booked",
                "urgent_care",
                "emergency",
                "voicemail",
                "no_answer",
                name="calloutcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=True,
        ),
        sa.Column("rules_version", sa.String(), nullable=True),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.CheckConstraint(
            "state <> 'closed' OR (outcome IS NOT NULL AND closed_by IS NOT NULL)",
            name="ck_flag_closing_needs_an_outcome",
        ),
        sa.CheckConstraint(
            "state <> 'owned' OR owner IS NOT NULL", name="ck_flag_owned_has_an_owner"
        ),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_flag_clinic_id_clinic"),
        sa.ForeignKeyConstraint(["message_id"], ["message.id"], name="fk_flag_message_id_message"),
        sa.ForeignKeyConstraint(["patient_id"], ["patient.id"], name="fk_flag_patient_id_patient"),
        sa.ForeignKeyConstraint(["reply_id"], ["reply.id"], name="fk_flag_reply_id_reply"),
        sa.ForeignKeyConstraint(
            ["session_id"], ["treatment_session.id"], name="fk_flag_session_id_treatment_session"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_flag"),
    )
    op.create_index(
        "ix_flag_escalate",
        "flag",
        ["escalate_at"],
        unique=False,
        postgresql_where=sa.text("escalate_at IS NOT NULL"),
        sqlite_where=sa.text("escalate_at IS NOT NULL"),
    )
    op.create_index(
        "ix_flag_patient_id",
        "flag",
        ["patient_id"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
        sqlite_where=sa.text("state <> 'closed'"),
    )
    op.create_index("ix_flag_session_id", "flag", ["session_id"], unique=False)
    op.create_index(
        "ix_flag_waiting",
        "flag",
        ["clinic_id", "due_at"],
        unique=False,
        postgresql_where=sa.text("state <> 'closed'"),
        sqlite_where=sa.text("state <> 'closed'"),
    )
    op.create_index("uq_flag_message", "flag", ["message_id", "kind"], unique=True)
    op.create_index("uq_flag_reply", "flag", ["reply_id", "kind"], unique=True)
    op.create_table(
        "call",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("flag_id", sa.Uuid(), nullable=False),
        sa.Column(
            "outcome",
            sa.Enum(
                "reached",
                "advised",
                "booked",
                "urgent_care",
                "emergency",
                "voicemail",
                "no_answer",
                name="calloutcome",
                native_enum=False,
                create_constraint=True,
                length=32,
            ),
            nullable=False,
        ),
        sa.Column("note", sa.LargeBinary(), nullable=True),
        sa.Column("made_by", sa.String(), nullable=False),
        sa.Column("made_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_call_clinic_id_clinic"),
        sa.ForeignKeyConstraint(["flag_id"], ["flag.id"], name="fk_call_flag_id_flag"),
        sa.PrimaryKeyConstraint("id", name="pk_call"),
    )
    op.create_index("ix_call_flag_id", "call", ["flag_id"], unique=False)
    op.create_table(
        "notice",
        sa.Column("clinic_id", sa.Uuid(), nullable=False),
        sa.Column("flag_id", sa.Uuid(), nullable=False),
        sa.Column("step", sa.String(), nullable=False),
        sa.Column("staff_id", sa.Uuid(), nullable=False),
        sa.Column(
            "channel",
            sa.Enum(
                "sms", "email", name="channel", native_enum=False, create_constraint=True, length=32
            ),
            nullable=False,
        ),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["clinic_id"], ["clinic.id"], name="fk_notice_clinic_id_clinic"),
        sa.ForeignKeyConstraint(["flag_id"], ["flag.id"], name="fk_notice_flag_id_flag"),
        sa.ForeignKeyConstraint(
            ["message_id"], ["message.id"], name="fk_notice_message_id_message"
        ),
        sa.ForeignKeyConstraint(["staff_id"], ["staff.id"], name="fk_notice_staff_id_staff"),
        sa.PrimaryKeyConstraint("id", name="pk_notice"),
        sa.UniqueConstraint(
            "flag_id", "step", "staff_id", "channel", name="uq_notice_flag_id_step_staff_id_channel"
        ),
    )

    if op.get_bind().dialect.name == "postgresql":
        # Messages and replies refer to each other; SQLite took this one with the table.
        op.create_foreign_key("fk_message_reply_id_reply", "message", "reply", ["reply_id"], ["id"])


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("fk_message_reply_id_reply", "message")
    op.drop_table("notice")
    op.drop_table("call")
    op.drop_table("flag")
    op.drop_table("reply")
    op.drop_table("message")
    op.drop_table("treatment_session")
    op.drop_table("consent")
    op.drop_table("patient")
    op.drop_table("staff")
    op.drop_table("audit")
    op.drop_table("api_key")
    op.drop_table("address")
    op.drop_table("worker")
    op.drop_table("protocol")
    op.drop_table("clinic")
    op.drop_table("bookmark")
