-- Changing who is in a room. Each change is one call, so that no lock on a room survives a round trip; it moves the room's
-- rev, by which pods notice that they have to look at the members again before they deliver later messages.

ALTER TABLE users ADD COLUMN rooms_rev bigint NOT NULL DEFAULT 0;   -- moves with every room the user is put in or out of

CREATE FUNCTION post_member_event(p_type text, p_room uuid, p_user uuid, p_by uuid) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (key, type, payload)
    SELECT p_room, p_type, jsonb_build_object(
               'id', e.id, 'type', p_type, 'version', 1, 'occurred_at', rfc3339(clock_timestamp()),
               'data', jsonb_build_object('room', p_room, 'user', p_user, 'by', p_by))
      FROM (SELECT gen_random_uuid() AS id) e
$$;

-- A room of `p_kind` with its members, the first of whom owns a group. Outcomes: 'made', or 'exists' for the pair's room.
CREATE FUNCTION make_room(p_room uuid, p_kind text, p_name text, p_key text, p_members uuid[])
RETURNS TABLE (outcome text, room_id uuid) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    INSERT INTO rooms (id, kind, name, direct_key) VALUES (p_room, p_kind, p_name, p_key) ON CONFLICT (direct_key) DO NOTHING;
    IF NOT FOUND THEN
        RETURN QUERY SELECT 'exists', r.id FROM rooms r WHERE r.direct_key = p_key;
        RETURN;
    END IF;
    PERFORM FROM users u WHERE u.id = ANY (p_members) ORDER BY u.id FOR NO KEY UPDATE;      -- one lock order everywhere
    UPDATE users u SET rooms_rev = u.rooms_rev + 1 WHERE u.id = ANY (p_members);
    INSERT INTO members (room_id, user_id, role)
    SELECT p_room, m.id, CASE WHEN p_kind = 'group' AND m.ord = 1 THEN 'owner' ELSE 'member' END
      FROM unnest(p_members) WITH ORDINALITY AS m (id, ord);
    PERFORM post_member_event('member.added', p_room, m.id, p_members[1])
       FROM unnest(p_members) WITH ORDINALITY AS m (id, ord) ORDER BY m.ord;
    RETURN QUERY SELECT 'made', p_room;
END $$;

-- Outcomes: 'added', 'already', 'no_room' (unknown, or p_by is not in it), 'direct', 'full'.
CREATE FUNCTION add_member(p_room uuid, p_by uuid, p_user uuid, p_most int)
RETURNS TABLE (outcome text, seq bigint, rev bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    room rooms%ROWTYPE;
BEGIN
    SELECT * INTO room FROM rooms r WHERE r.id = p_room FOR NO KEY UPDATE;
    IF NOT FOUND OR NOT EXISTS (SELECT FROM members m WHERE m.room_id = p_room AND m.user_id = p_by) THEN
        RETURN QUERY SELECT 'no_room', 0::bigint, 0::bigint;
    ELSIF room.kind = 'direct' THEN
        RETURN QUERY SELECT 'direct', room.last_seq, room.rev;
    ELSIF EXISTS (SELECT FROM members m WHERE m.room_id = p_room AND m.user_id = p_user) THEN
        RETURN QUERY SELECT 'already', room.last_seq, room.rev;
    ELSIF (SELECT count(*) FROM members m WHERE m.room_id = p_room) >= p_most THEN
        RETURN QUERY SELECT 'full', room.last_seq, room.rev;
    ELSE
        INSERT INTO members (room_id, user_id, read_seq, delivered_seq, joined_seq)
        VALUES (p_room, p_user, room.last_seq, room.last_seq, room.last_seq);
        UPDATE rooms r SET rev = r.rev + 1 WHERE r.id = p_room;
        UPDATE users u SET rooms_rev = u.rooms_rev + 1 WHERE u.id = p_user;
        PERFORM post_member_event('member.added', p_room, p_user, p_by);
        RETURN QUERY SELECT 'added', room.last_seq, room.rev + 1;
    END IF;
END $$;

-- Outcomes: 'removed', 'no_room', 'direct', 'no_member', 'forbidden' (only an owner removes others).
CREATE FUNCTION remove_member(p_room uuid, p_by uuid, p_user uuid)
RETURNS TABLE (outcome text, seq bigint, rev bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    room    rooms%ROWTYPE;
    by_role text;
BEGIN
    SELECT * INTO room FROM rooms r WHERE r.id = p_room FOR NO KEY UPDATE;
    SELECT m.role INTO by_role FROM members m WHERE m.room_id = p_room AND m.user_id = p_by;
    IF room.id IS NULL OR by_role IS NULL THEN
        RETURN QUERY SELECT 'no_room', 0::bigint, 0::bigint;
    ELSIF room.kind = 'direct' THEN
        RETURN QUERY SELECT 'direct', room.last_seq, room.rev;
    ELSIF p_by <> p_user AND by_role <> 'owner' THEN
        RETURN QUERY SELECT 'forbidden', room.last_seq, room.rev;
    ELSE
        DELETE FROM members m WHERE m.room_id = p_room AND m.user_id = p_user;
        IF NOT FOUND THEN
            RETURN QUERY SELECT 'no_member', room.last_seq, room.rev;
            RETURN;
        END IF;
        UPDATE rooms r SET rev = r.rev + 1 WHERE r.id = p_room;
        UPDATE users u SET rooms_rev = u.rooms_rev + 1 WHERE u.id = p_user;
        IF NOT EXISTS (SELECT FROM members m WHERE m.room_id = p_room AND m.role = 'owner') THEN
            UPDATE members m SET role = 'owner'
             WHERE m.room_id = p_room
               AND m.user_id = (SELECT o.user_id FROM members o WHERE o.room_id = p_room ORDER BY o.joined_at, o.user_id LIMIT 1);
        END IF;
        PERFORM post_member_event('member.removed', p_room, p_user, p_by);
        RETURN QUERY SELECT 'removed', room.last_seq, room.rev + 1;
    END IF;
END $$;

-- Outcomes: 'renamed', 'no_room', 'direct', 'forbidden'.
CREATE FUNCTION rename_room(p_room uuid, p_by uuid, p_name text)
RETURNS TABLE (outcome text, seq bigint, rev bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    room    rooms%ROWTYPE;
    by_role text;
BEGIN
    SELECT * INTO room FROM rooms r WHERE r.id = p_room FOR NO KEY UPDATE;
    SELECT m.role INTO by_role FROM members m WHERE m.room_id = p_room AND m.user_id = p_by;
    IF room.id IS NULL OR by_role IS NULL THEN
        RETURN QUERY SELECT 'no_room', 0::bigint, 0::bigint;
    ELSIF room.kind = 'direct' THEN
        RETURN QUERY SELECT 'direct', room.last_seq, room.rev;
    ELSIF by_role <> 'owner' THEN
        RETURN QUERY SELECT 'forbidden', room.last_seq, room.rev;
    ELSE
        UPDATE rooms r SET name = p_name, rev = r.rev + 1 WHERE r.id = p_room;
        RETURN QUERY SELECT 'renamed', room.last_seq, room.rev + 1;
    END IF;
END $$;
