-- What happens to a message after it was sent: it is edited or deleted. And what it may answer to: another one.
--
-- A change moves the room's rev, and the message carries the rev of its last change; seq stays what it was. So whoever knows a
-- room up to a rev finds what he has missed by the index below, in the order in which it happened.
--
-- The words of a message are in its row, and for as long as the outbox keeps them in at most two events: the one of its
-- creation and the one of its last edit. Their ids are kept, so that words that are gone are gone from there too.

ALTER TABLE messages
    ADD COLUMN reply_to      bigint,        -- the seq of a message of the same room
    ADD COLUMN edited_at     timestamptz,
    ADD COLUMN deleted_at    timestamptz,   -- content is '' from then on
    ADD COLUMN created_event bigint,        -- in the outbox, while it is kept there
    ADD COLUMN changed_event bigint;

CREATE INDEX messages_changes ON messages (room_id, rev) WHERE rev > 0;   -- nothing to do for a message that is never changed

-- The group commit, as in 0002 and with what a message replies to. Every seq up to the room's last_seq is that of a message, so
-- whether one exists is seen without looking for it.
--
-- A message that has been changed is the 'duplicate' of any send with its client_id: its first words are not kept, nor a hash
-- of them, from which short ones could be guessed. More outcomes: 'reply_not_found'.
CREATE FUNCTION send_messages(
    p_ids uuid[], p_rooms uuid[], p_senders uuid[], p_clients text[], p_contents text[], p_reply_tos bigint[])
RETURNS TABLE (ord int, outcome text, id uuid, seq bigint, rev bigint, created_at timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    at      timestamptz;
    at_text text;
BEGIN
    PERFORM FROM rooms r WHERE r.id = ANY (p_rooms) ORDER BY r.id FOR NO KEY UPDATE;   -- one lock order everywhere
    at := clock_timestamp();                                                           -- after the wait: time follows seq
    at_text := rfc3339(at);
    RETURN QUERY
    WITH input AS MATERIALIZED (
        SELECT i.ord::int AS ord, i.first::int AS first, i.id, i.room_id, i.sender_id, i.client_id, i.content, i.reply_to,
               k.id AS old_id, k.seq AS old_seq, k.created_at AS old_at, k.content AS old_content, k.rev AS old_rev,
               k.reply_to AS old_reply_to,
               k.id IS NULL AND EXISTS
                   (SELECT FROM members b WHERE b.room_id = i.room_id AND b.user_id = i.sender_id) AS is_allowed,
               i.ord = i.first AND (i.reply_to IS NULL OR EXISTS
                   (SELECT FROM rooms r WHERE r.id = i.room_id AND i.reply_to BETWEEN 1 AND r.last_seq)) AS is_good
        FROM (SELECT u.*, min(u.ord) OVER (PARTITION BY u.room_id, u.sender_id, u.client_id) AS first
              FROM unnest(p_ids, p_rooms, p_senders, p_clients, p_contents, p_reply_tos) WITH ORDINALITY
                   AS u(id, room_id, sender_id, client_id, content, reply_to, ord)) i
        LEFT JOIN LATERAL (SELECT m.id, m.seq, m.created_at, m.sender_id, m.client_id, m.content, m.rev, m.reply_to
                           FROM messages m
                           WHERE m.room_id = i.room_id AND (m.sender_id, m.client_id) >= (i.sender_id, i.client_id)
                           ORDER BY m.sender_id, m.client_id LIMIT 1) k            -- the order leaves the planner one index only
                  ON k.sender_id = i.sender_id AND k.client_id = i.client_id
    ), bumped AS (
        UPDATE rooms r SET last_seq = r.last_seq + c.n, last_message_at = at
        FROM (SELECT f.room_id, count(*) AS n FROM input f WHERE f.is_allowed AND f.is_good GROUP BY f.room_id) c
        WHERE r.id = c.room_id
        RETURNING r.id AS room_id, r.last_seq - c.n AS base, r.rev AS room_rev
    ), numbered AS MATERIALIZED (                                                      -- events in the order of seq, too
        SELECT o.*, nextval('outbox_id_seq') AS event
        FROM (SELECT f.*, b.base + row_number() OVER (PARTITION BY f.room_id ORDER BY f.ord) AS new_seq, b.room_rev
              FROM input f JOIN bumped b USING (room_id) WHERE f.is_allowed AND f.is_good ORDER BY f.room_id, f.ord) o
    ), stored AS (
        INSERT INTO messages (room_id, seq, id, sender_id, client_id, content, created_at, reply_to, created_event)
        SELECT n.room_id, n.new_seq, n.id, n.sender_id, n.client_id, n.content, at, n.reply_to, n.event FROM numbered n
    ), marked AS (                                                                     -- who writes has read
        UPDATE members b SET read_seq = x.seq, delivered_seq = x.seq
        FROM (SELECT n.room_id, n.sender_id, max(n.new_seq) AS seq FROM numbered n GROUP BY n.room_id, n.sender_id) x
        WHERE b.room_id = x.room_id AND b.user_id = x.sender_id
    ), posted AS (
        INSERT INTO outbox (id, key, type, payload) OVERRIDING SYSTEM VALUE
        SELECT n.event, n.room_id, 'message.created', jsonb_build_object(
                   'id', n.id, 'type', 'message.created', 'version', 1, 'occurred_at', at_text,
                   'data', jsonb_build_object('id', n.id, 'room', n.room_id, 'seq', n.new_seq, 'user', n.sender_id,
                                              'content', n.content, 'created_at', at_text, 'reply_to', n.reply_to))
        FROM numbered n
    )
    SELECT n.ord, 'stored', n.id, n.new_seq, n.room_rev, at FROM numbered n
    UNION ALL
    SELECT i.ord,
           CASE WHEN i.old_id IS NULL AND n.id IS NULL THEN
                     CASE WHEN i.is_allowed THEN 'reply_not_found' ELSE 'not_a_member' END
                WHEN i.old_rev > 0 THEN 'duplicate'
                WHEN coalesce(i.old_content, n.content) <> i.content THEN 'client_id_reused'
                WHEN p_reply_tos IS NOT NULL AND coalesce(i.old_reply_to, n.reply_to) IS DISTINCT FROM i.reply_to
                     THEN 'client_id_reused'
                ELSE 'duplicate' END,
           coalesce(i.old_id, n.id), coalesce(i.old_seq, n.new_seq), 0::bigint,
           coalesce(i.old_at, CASE WHEN n.id IS NOT NULL THEN at END)
    FROM input i LEFT JOIN numbered n ON n.ord = i.first WHERE NOT (i.is_allowed AND i.is_good);
END $$;

-- For the pods of the version before, while they are replaced: they know nothing of replies and of changes.
CREATE OR REPLACE FUNCTION send_messages(p_ids uuid[], p_rooms uuid[], p_senders uuid[], p_clients text[], p_contents text[])
RETURNS TABLE (ord int, outcome text, id uuid, seq bigint, rev bigint, created_at timestamptz)
LANGUAGE sql VOLATILE AS $$
    SELECT s.ord, s.outcome, s.id, s.seq, s.rev, s.created_at
      FROM send_messages(p_ids, p_rooms, p_senders, p_clients, p_contents, NULL::bigint[]) s
$$;

-- Gives a message of a room other words, or none (p_content is null): deletes it. One call, as every change that locks a room.
-- Outcomes: 'changed', 'unchanged' (it says so already, or is deleted already), 'no_room' (unknown, or p_by is not in it),
-- 'no_message', 'forbidden' (its author edits, he or an owner of the room deletes), 'deleted' (there is nothing to edit any
-- more). With the first two comes the message; in any case, where the room is.
CREATE FUNCTION change_message(p_room uuid, p_seq bigint, p_by uuid, p_content text)
RETURNS TABLE (outcome text, last_seq bigint, room_rev bigint,
               id uuid, room_id uuid, seq bigint, rev bigint, client_id text, content text, reply_to bigint,
               created_at timestamptz, edited_at timestamptz, deleted_at timestamptz, sender_id uuid, sender_username text,
               sender_display_name text, sender_last_seen_at timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    room    rooms%ROWTYPE;
    message messages%ROWTYPE;
    by_role text;
    result  text;
    at      timestamptz;
    event   bigint;
BEGIN
    SELECT * INTO room FROM rooms r WHERE r.id = p_room FOR NO KEY UPDATE;
    SELECT b.role INTO by_role FROM members b WHERE b.room_id = p_room AND b.user_id = p_by;
    SELECT * INTO message FROM messages m WHERE m.room_id = p_room AND m.seq = p_seq;
    result := CASE
        WHEN by_role IS NULL THEN 'no_room'
        WHEN message.id IS NULL THEN 'no_message'
        WHEN message.sender_id <> p_by AND (p_content IS NOT NULL OR by_role <> 'owner') THEN 'forbidden'
        WHEN message.deleted_at IS NOT NULL THEN CASE WHEN p_content IS NULL THEN 'unchanged' ELSE 'deleted' END
        WHEN message.content = p_content THEN 'unchanged'
        ELSE 'changed' END;
    IF result = 'changed' THEN
        at := clock_timestamp();                                                       -- after the wait: time follows rev
        event := nextval('outbox_id_seq');
        UPDATE rooms r SET rev = r.rev + 1 WHERE r.id = p_room RETURNING r.rev INTO room.rev;
        UPDATE outbox o                                                                -- in the order of ids, as the relay
           SET payload = CASE WHEN o.id = message.created_event
                              THEN jsonb_set(o.payload, '{data}', o.payload->'data' || CASE WHEN p_content IS NULL
                                       THEN '{"content": "", "deleted": true}' ELSE jsonb_build_object('content', p_content) END)
                              ELSE o.payload #- '{data,content}' END
         WHERE o.id IN (message.created_event, message.changed_event) AND o.key = p_room;
        UPDATE messages m
           SET content = coalesce(p_content, ''), rev = room.rev, changed_event = event,
               edited_at = CASE WHEN p_content IS NULL THEN m.edited_at ELSE at END,
               deleted_at = CASE WHEN p_content IS NULL THEN at END
         WHERE m.room_id = p_room AND m.seq = p_seq;
        INSERT INTO outbox (id, key, type, payload) OVERRIDING SYSTEM VALUE
        SELECT event, p_room, 'message.changed', jsonb_build_object(
                   'id', e.id, 'type', 'message.changed', 'version', 1, 'occurred_at', rfc3339(at),
                   'data', jsonb_build_object('id', message.id, 'room', p_room, 'seq', p_seq, 'rev', room.rev,
                                              'user', message.sender_id, 'by', p_by)
                           || CASE WHEN p_content IS NULL THEN jsonb_build_object('deleted_at', rfc3339(at))
                                   ELSE jsonb_build_object('content', p_content, 'edited_at', rfc3339(at)) END)
          FROM (SELECT gen_random_uuid() AS id) e;
    END IF;
    RETURN QUERY
    SELECT result, room.last_seq, room.rev,
           m.id, m.room_id, m.seq, m.rev, m.client_id, m.content, m.reply_to, m.created_at, m.edited_at, m.deleted_at,
           u.id, u.username, u.display_name, u.last_seen_at
      FROM (SELECT) one
 LEFT JOIN messages m ON m.room_id = p_room AND m.seq = p_seq AND result IN ('changed', 'unchanged')
 LEFT JOIN users u ON u.id = m.sender_id;
END $$;
