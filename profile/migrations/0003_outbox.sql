-- Events for others, written in the transaction that made the fact. Whoever writes one holds the row of its user, so that
-- the events of one user are committed in the order of their ids. The relay sends them; `sent_at` is its own.

CREATE TABLE outbox (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        uuid        NOT NULL,                                    -- the user
    type       text        NOT NULL,
    payload    jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    sent_at    timestamptz
);

CREATE INDEX outbox_unsent ON outbox (id) WHERE sent_at IS NULL;
CREATE INDEX outbox_sent   ON outbox (sent_at) WHERE sent_at IS NOT NULL;
CREATE INDEX outbox_key    ON outbox (key);
