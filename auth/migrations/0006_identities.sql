-- Accounts elsewhere with which somebody may log in here. `subject` is what the provider calls him for ever; his name
-- and address there may change hands.

CREATE TABLE identities (
    provider   text        NOT NULL,
    subject    text        NOT NULL,
    user_id    uuid        NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),

    PRIMARY KEY (provider, subject),
    CONSTRAINT identities_user_provider_key UNIQUE (user_id, provider),
    CONSTRAINT identities_subject_check CHECK (char_length(subject) BETWEEN 1 AND 255)
);
