-- A member may mute a room for himself: nobody notifies him of what is said there. Until then, or until he says otherwise.

ALTER TABLE members ADD COLUMN muted_until timestamptz;      -- 'infinity': for good; what is over counts as null

-- Outcomes: 'muted' or 'unmuted' (as wanted, whether or not it was so before), 'no_room' (unknown, or p_user is not in it). An event is
-- posted when something changes. The room's rev stays: others see nothing of it.
CREATE FUNCTION mute_room(p_room uuid, p_user uuid, p_until timestamptz) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
    before timestamptz;
BEGIN
    PERFORM FROM rooms r WHERE r.id = p_room FOR NO KEY UPDATE;                             -- for the order of the room's events
    SELECT m.muted_until INTO before FROM members m WHERE m.room_id = p_room AND m.user_id = p_user;
    IF NOT FOUND THEN
        RETURN 'no_room';
    END IF;
    IF p_until IS DISTINCT FROM before THEN
        UPDATE members m SET muted_until = p_until WHERE m.room_id = p_room AND m.user_id = p_user;
        INSERT INTO outbox (key, type, payload)
        SELECT p_room, 'member.muted', jsonb_build_object(
                   'id', gen_random_uuid(), 'type', 'member.muted', 'version', 1, 'occurred_at', rfc3339(clock_timestamp()),
                   'data', jsonb_build_object('room', p_room, 'user', p_user, 'muted', p_until IS NOT NULL,
                                              'until', CASE WHEN isfinite(p_until) THEN rfc3339(p_until) END));
    END IF;
    RETURN CASE WHEN p_until IS NULL THEN 'unmuted' ELSE 'muted' END;
END $$;
