-- Rooms, their members and their messages. Postgres is the truth: what is not here was not said.

-- Copies of what chat needs to know of accounts; auth owns them.
CREATE TABLE users (
    id           uuid        PRIMARY KEY,
    username     text        NOT NULL,
    display_name text        NOT NULL,
    avatar_url   text,
    last_seen_at timestamptz,
    deleted_at   timestamptz,
    updated_at   timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX users_username ON users (lower(username));

CREATE TABLE rooms (
    id              uuid        PRIMARY KEY,
    kind            text        NOT NULL CHECK (kind IN ('direct', 'group')),
    name            text,
    direct_key      text        UNIQUE,               -- both user ids in order: one room per pair
    last_seq        bigint      NOT NULL DEFAULT 0,   -- messages ever sent, dense from 1
    rev             bigint      NOT NULL DEFAULT 0,   -- changes other than new messages
    last_message_at timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    CHECK ((kind = 'direct') = (direct_key IS NOT NULL))
) WITH (fillfactor = 50);                             -- last_seq and last_message_at unindexed: every bump is a HOT update

CREATE TABLE members (
    room_id       uuid        NOT NULL REFERENCES rooms (id),
    user_id       uuid        NOT NULL REFERENCES users (id),
    role          text        NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member')),
    read_seq      bigint      NOT NULL DEFAULT 0,
    delivered_seq bigint      NOT NULL DEFAULT 0,
    joined_seq    bigint      NOT NULL DEFAULT 0,     -- the room's last_seq when he joined: from here on it is live for him
    joined_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (room_id, user_id)
) WITH (fillfactor = 80);
CREATE INDEX members_user ON members (user_id);

CREATE TABLE messages (
    room_id    uuid        NOT NULL,
    seq        bigint      NOT NULL,
    id         uuid        NOT NULL,
    sender_id  uuid        NOT NULL,
    client_id  text        NOT NULL CHECK (length(client_id) BETWEEN 1 AND 64),
    content    text        NOT NULL,
    rev        bigint      NOT NULL DEFAULT 0,        -- the room's rev of the last change of this message
    created_at timestamptz NOT NULL,
    PRIMARY KEY (room_id, seq),
    UNIQUE (room_id, sender_id, client_id)
) PARTITION BY HASH (room_id);
DO $$ BEGIN FOR i IN 0..15 LOOP
    EXECUTE format('CREATE TABLE messages_%s PARTITION OF messages FOR VALUES WITH (MODULUS 16, REMAINDER %s)', i, i);
END LOOP; END $$;

-- What others should hear of, written in the transaction that made the fact; a relay sends it on.
CREATE TABLE outbox (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        uuid        NOT NULL,
    type       text        NOT NULL,
    payload    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz                                              -- the relay's own
);
CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent ON outbox (sent_at) WHERE sent_at IS NOT NULL;

-- The form in which the contract writes times: RFC 3339 in UTC with microseconds.
CREATE FUNCTION rfc3339(moment timestamptz) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT to_char(moment AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;
