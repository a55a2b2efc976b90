-- Where push notifications go. A token stands for one installed application: it belongs to whoever used it last.

CREATE TABLE devices (
    token      text        PRIMARY KEY,
    platform   text        NOT NULL,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    session_id uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT devices_platform_check CHECK (platform IN ('fcm')),
    CONSTRAINT devices_token_check    CHECK (char_length(token) BETWEEN 1 AND 1024)
);

CREATE INDEX devices_user_idx    ON devices (user_id, updated_at);
CREATE INDEX devices_session_idx ON devices (session_id);
