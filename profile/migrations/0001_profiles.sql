-- Profiles, one row per user that this service has heard of.
--
-- A removed profile keeps its row, emptied, with deleted_at set: without it the next reader would make it again.
-- preferences is json and not jsonb, which rewrites numbers: 1e308, six characters, would be stored and given back as 309.
-- The *_key columns are what search compares: folded by the service, ordered by code point, so that neither the
-- database's locale nor an upgrade of its libraries changes what is found.

CREATE TABLE user_profiles (
    id             uuid         PRIMARY KEY,
    username       varchar(50)  NOT NULL,
    display_name   varchar(100) NOT NULL,
    avatar_url     varchar(255),
    status_message varchar(255),
    preferences    json         NOT NULL DEFAULT '{}',
    username_key   text         COLLATE "C" NOT NULL,
    display_key    text         COLLATE "C" NOT NULL,
    created_at     timestamptz  NOT NULL DEFAULT now(),
    updated_at     timestamptz  NOT NULL DEFAULT now(),
    deleted_at     timestamptz
);

CREATE INDEX user_profiles_username_key ON user_profiles (username_key, id) WHERE deleted_at IS NULL;
CREATE INDEX user_profiles_display_key ON user_profiles (display_key, id) WHERE deleted_at IS NULL;
