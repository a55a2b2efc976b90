-- What is left of an account that was deleted: a name that nobody else may have for a while, as a hash. His old friends
-- should not meet a stranger under it. And how users are seen, as their profiles say.

CREATE TABLE retired_usernames (
    hash  bytea       PRIMARY KEY,          -- SHA-256 of the folded username
    until timestamptz NOT NULL
);

CREATE INDEX retired_usernames_until_idx ON retired_usernames (until);

ALTER TABLE users ADD COLUMN named_at timestamptz;   -- of the latest word of the profile; what is older changes nothing

CREATE INDEX outbox_key ON outbox (key);             -- what was said of somebody goes with him
