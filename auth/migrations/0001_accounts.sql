-- Accounts. Names and addresses are compared without regard to ASCII case: the "C" collation keeps lower() from
-- depending on the server's locale (in Turkish, lower('I') is not 'i').

CREATE TABLE users (
    id                  uuid        PRIMARY KEY,
    username            text        COLLATE "C" NOT NULL,
    email               text        COLLATE "C",
    email_verified_at   timestamptz,
    display_name        text        NOT NULL,
    password_hash       text,                             -- null: signs in by other means only
    credentials_version int         NOT NULL DEFAULT 1,   -- one more whenever the password really changes
    created_at          timestamptz NOT NULL DEFAULT now(),
    updated_at          timestamptz NOT NULL DEFAULT now(),

    CONSTRAINT users_username_check     CHECK (username ~ '^[A-Za-z0-9._-]{3,50}$'),
    CONSTRAINT users_email_check        CHECK (char_length(email) <= 254),
    CONSTRAINT users_display_name_check CHECK (char_length(display_name) BETWEEN 1 AND 100)
);

CREATE UNIQUE INDEX users_username_key ON users (lower(username));
CREATE UNIQUE INDEX users_email_key    ON users (lower(email));
