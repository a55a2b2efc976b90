-- Who is to be told of what, on which device. Others' facts are copies, made from events; what is sent is removed.

-- The events that have been applied, so that one which arrives again changes nothing.
CREATE TABLE applied_events (
    id         uuid        PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX applied_events_applied_at ON applied_events USING brin (applied_at);

-- The records that could not be read, or handled, for people to look into. The digest tells apart what a topic that was made
-- anew has at the same place.
CREATE TABLE dead_letters (
    topic         text        NOT NULL,
    part          int         NOT NULL,
    record_offset bigint      NOT NULL,
    digest        bytea       NOT NULL,
    key           bytea       NOT NULL,
    value         bytea       NOT NULL,
    reason        text        NOT NULL,
    error         text        NOT NULL,
    arrived_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (topic, part, record_offset, digest)
);
CREATE INDEX dead_letters_arrived_at ON dead_letters (arrived_at);

CREATE TABLE users (
    id            uuid PRIMARY KEY,
    display_name  text NOT NULL,
    welcome_until timestamptz            -- until then his first device is owed a welcome
);

-- Where pushes go. A token stands for one installed application and belongs to whoever used it last; a removed one stays for a
-- while, so that an older event, which another partition of the topic held back, does not bring it back.
CREATE TABLE devices (
    token         text        PRIMARY KEY,
    platform      text        NOT NULL,
    user_id       uuid        NOT NULL,
    state         text        NOT NULL CHECK (state IN ('active', 'lost', 'removed')),   -- lost: auth does not know yet
    changed_at    timestamptz NOT NULL,               -- when what we know of it happened
    due_at        timestamptz,                        -- when its next notification may be sent; null: there is none
    claim         uuid,                               -- of the worker that is sending to it
    claimed_until timestamptz,
    failures      int         NOT NULL DEFAULT 0      -- in a row, by which it is left alone for longer and longer
) WITH (fillfactor = 80);
CREATE INDEX devices_user ON devices (user_id) WHERE state = 'active';
CREATE INDEX devices_due ON devices (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX devices_not_active ON devices (changed_at) WHERE state <> 'active';

CREATE TABLE rooms (
    id       uuid        PRIMARY KEY,
    kind     text        NOT NULL,
    name     text,
    asked_at timestamptz NOT NULL DEFAULT now()       -- names change, and no event tells
);

CREATE TABLE members (
    room_id     uuid   NOT NULL,
    user_id     uuid   NOT NULL,
    read_seq    bigint NOT NULL DEFAULT 0,
    muted_until timestamptz,
    PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 80);
CREATE INDEX members_user ON members (user_id);

-- Messages whose recipients are still to be looked at, once at once and once when a delivery receipt should have come.
CREATE TABLE messages (
    id         uuid        PRIMARY KEY,
    room_id    uuid        NOT NULL,
    seq        bigint      NOT NULL,
    sender_id  uuid        NOT NULL,
    content    text        NOT NULL,
    created_at timestamptz NOT NULL,
    looks      int         NOT NULL DEFAULT 0,        -- so far
    look_at    timestamptz NOT NULL,
    claim      uuid,                                  -- of the worker that is looking; look_at is then when it is given up
    notified   uuid[]      NOT NULL DEFAULT '{}'      -- users
);
CREATE INDEX messages_look_at ON messages (look_at);
CREATE INDEX messages_room ON messages (room_id, looks, seq);

-- What is to be sent, in the order of ids per device. `subject_id` is that of a message, or of the event of a registration.
CREATE TABLE notifications (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    subject_id uuid        NOT NULL,
    token      text        NOT NULL,
    user_id    uuid        NOT NULL,
    room_id    uuid,                                  -- null: a welcome
    seq        bigint,
    sender_id  uuid,
    title      text        NOT NULL,
    lead       text        NOT NULL,                  -- before the content
    content    text,                                  -- null: not to be shown
    created_at timestamptz NOT NULL,                  -- when the fact happened
    attempts   int         NOT NULL DEFAULT 0,
    in_doubt   boolean     NOT NULL DEFAULT false,    -- an attempt was begun, and nobody knows how it ended
    UNIQUE (subject_id, token)
);
CREATE INDEX notifications_token ON notifications (token, id);
CREATE INDEX notifications_user ON notifications (user_id, room_id, seq);
