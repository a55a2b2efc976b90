-- What is to be sent by mail. A row is written in the transaction, or at the request, that makes the mail necessary, so
-- that nobody waits for a mail server and nothing is lost while it is away. It goes when the mail has been sent.
--
-- Whoever asks for a reset writes a row with the address he typed and nothing else: whether there is an account, and so
-- whether there is a mail, is found out by the sender. The request does the same for every address.
--
-- No secret is here: a link's token is made when its mail is sent, and stored as a hash.

CREATE TABLE mails (
    id              uuid        PRIMARY KEY,
    kind            text        NOT NULL,
    user_id         uuid        REFERENCES users (id) ON DELETE CASCADE,  -- null: whoever has this address
    recipient       text        COLLATE "C" NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now(),
    expires_at      timestamptz NOT NULL,                                 -- not sent later than this
    next_attempt_at timestamptz NOT NULL DEFAULT now(),                   -- also how long somebody is at it
    attempts        int         NOT NULL DEFAULT 0,

    CONSTRAINT mails_kind_check      CHECK (kind IN ('verify_email', 'reset_password', 'password_changed', 'email_changed')),
    CONSTRAINT mails_recipient_check CHECK (char_length(recipient) <= 254)
);

CREATE INDEX        mails_due_idx     ON mails (next_attempt_at);
CREATE INDEX        mails_user_idx    ON mails (user_id) WHERE user_id IS NOT NULL;
CREATE UNIQUE INDEX mails_waiting_key ON mails (kind, lower(recipient), user_id) NULLS NOT DISTINCT;  -- one is enough

-- What proves that somebody reads the mail of an address: good once, until it expires, for that address and purpose.

CREATE TABLE email_tokens (
    hash       bytea       PRIMARY KEY,                                   -- SHA-256
    purpose    text        NOT NULL,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    email      text        COLLATE "C" NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,

    CONSTRAINT email_tokens_purpose_check CHECK (purpose IN ('verify_email', 'reset_password'))
);

CREATE INDEX email_tokens_user_idx    ON email_tokens (user_id, purpose);
CREATE INDEX email_tokens_expires_idx ON email_tokens (expires_at);
