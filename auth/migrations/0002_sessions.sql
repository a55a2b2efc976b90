-- A session is what one login made: a family of refresh tokens, and the `sid` of its access tokens.

CREATE TABLE sessions (
    id           uuid        PRIMARY KEY,
    user_id      uuid        REFERENCES users (id) ON DELETE SET NULL,  -- an ended session is remembered for as long
                                                                        -- as its tokens live, also without its account
    created_at   timestamptz NOT NULL DEFAULT now(),
    last_seen_at timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL,
    user_agent   text        NOT NULL DEFAULT '',
    address      text        NOT NULL DEFAULT '',
    ended_at     timestamptz,
    end_reason   text,
    announced_at timestamptz,                                           -- when Redis was told of the end

    CONSTRAINT sessions_end_check CHECK ((ended_at IS NULL) = (end_reason IS NULL))
);

CREATE INDEX sessions_user_idx        ON sessions (user_id, id);
CREATE INDEX sessions_expires_idx     ON sessions (expires_at);
CREATE INDEX sessions_ended_idx       ON sessions (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX sessions_unannounced_idx ON sessions (ended_at) WHERE ended_at IS NOT NULL AND announced_at IS NULL;

-- A successor is derived from the secret of its predecessor and `nonce`, so that a repeat of a lost reply can be
-- answered with the same one although only hashes are stored. Once the successor has been used the nonce is forgotten:
-- then neither a used token nor this table leads any further.

CREATE TABLE refresh_tokens (
    hash       bytea       PRIMARY KEY,                                 -- SHA-256
    session_id uuid        NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at    timestamptz,
    nonce      bytea
);

CREATE INDEX refresh_tokens_session_idx ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_expires_idx ON refresh_tokens (expires_at);
CREATE INDEX refresh_tokens_nonce_idx   ON refresh_tokens (session_id) WHERE nonce IS NOT NULL;

-- Replaces a refresh token by its successor, under the lock of its session: of many calls with one token the first
-- rotates and the others are repeats.
--
--   rotated   the successor offered is now the one
--   repeated  used less than `grace` ago, the successor still unused: derive it with the `nonce` returned
--   reused    used before: somebody else has this token too. The caller ends the session
--   ended     its session has been ended (`ended_for` says why)
--   expired, unknown

CREATE FUNCTION rotate_refresh_token(
    presented        bytea,
    offered          bytea,    -- the hash of the successor
    offered_nonce    bytea,
    lifetime_seconds double precision,
    grace_seconds    double precision
) RETURNS TABLE (outcome text, session_id uuid, user_id uuid, username text, nonce bytea, ended_for text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    token   refresh_tokens;
    session sessions;
    moment  timestamptz;
BEGIN
    SELECT t.* INTO token FROM refresh_tokens t WHERE t.hash = presented;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'unknown', NULL::uuid, NULL::uuid, NULL::text, NULL::bytea, NULL::text;
        RETURN;
    END IF;

    SELECT s.* INTO session FROM sessions s WHERE s.id = token.session_id FOR UPDATE;
    SELECT t.* INTO token FROM refresh_tokens t WHERE t.hash = presented;  -- again: it may have been used meanwhile
    moment := clock_timestamp();
    session_id := session.id;
    user_id := session.user_id;
    SELECT u.username INTO username FROM users u WHERE u.id = session.user_id;

    IF session.ended_at IS NOT NULL OR username IS NULL THEN
        outcome := 'ended';
        ended_for := session.end_reason;
    ELSIF token.used_at IS NULL AND token.expires_at <= moment THEN
        outcome := 'expired';
    ELSIF token.used_at IS NULL THEN
        outcome := 'rotated';
        nonce := offered_nonce;
        INSERT INTO refresh_tokens (hash, session_id, created_at, expires_at)
             VALUES (offered, session.id, moment, moment + make_interval(secs => lifetime_seconds));
        UPDATE refresh_tokens t
           SET nonce = NULL
         WHERE t.session_id = session.id AND t.nonce IS NOT NULL;                -- the one before is final now
        UPDATE refresh_tokens t SET used_at = moment, nonce = offered_nonce WHERE t.hash = presented;
        UPDATE sessions s
           SET last_seen_at = moment, expires_at = moment + make_interval(secs => lifetime_seconds)
         WHERE s.id = session.id;
    ELSIF token.nonce IS NOT NULL AND token.used_at > moment - make_interval(secs => grace_seconds) THEN
        outcome := 'repeated';
        nonce := token.nonce;
    ELSE
        outcome := 'reused';
    END IF;
    RETURN NEXT;
END
$$;
