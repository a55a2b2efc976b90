-- The group commit: one call = one round trip = one transaction, whatever the number of messages and rooms.
--
-- The order is what makes it right: lock the rooms (in one order everywhere), then look with a new snapshot, which sees all
-- that earlier holders of these locks committed; then membership, number, store, post. READ COMMITTED only; VOLATILE matters,
-- since it gives each inner statement its own snapshot. A rollback leaves no hole in the numbers.
--
-- Outcomes by position: 'stored', 'duplicate' (the first row of that client_id), 'client_id_reused' (it has other content),
-- 'not_a_member'.
CREATE FUNCTION send_messages(p_ids uuid[], p_rooms uuid[], p_senders uuid[], p_clients text[], p_contents text[])
RETURNS TABLE (ord int, outcome text, id uuid, seq bigint, rev bigint, created_at timestamptz)
LANGUAGE plpgsql VOLATILE AS $$
#variable_conflict use_column
DECLARE
    at timestamptz;
BEGIN
    PERFORM FROM rooms r WHERE r.id = ANY (p_rooms) ORDER BY r.id FOR NO KEY UPDATE;   -- one lock order everywhere
    at := clock_timestamp();                                                           -- after the wait: time follows seq
    RETURN QUERY
    WITH input AS MATERIALIZED (
        SELECT i.ord::int AS ord, i.first::int AS first, i.id, i.room_id, i.sender_id, i.client_id, i.content,
               k.id AS old_id, k.seq AS old_seq, k.created_at AS old_at, k.content AS old_content,
               k.id IS NULL AND i.ord = i.first AND EXISTS
                   (SELECT FROM members b WHERE b.room_id = i.room_id AND b.user_id = i.sender_id) AS is_new
        FROM (SELECT u.*, min(u.ord) OVER (PARTITION BY u.room_id, u.sender_id, u.client_id) AS first
              FROM unnest(p_ids, p_rooms, p_senders, p_clients, p_contents) WITH ORDINALITY
                   AS u(id, room_id, sender_id, client_id, content, ord)) i
        LEFT JOIN LATERAL (SELECT m.id, m.seq, m.created_at, m.sender_id, m.client_id, m.content FROM messages m
                           WHERE m.room_id = i.room_id AND (m.sender_id, m.client_id) >= (i.sender_id, i.client_id)
                           ORDER BY m.sender_id, m.client_id LIMIT 1) k            -- the order leaves the planner one index only
                  ON k.sender_id = i.sender_id AND k.client_id = i.client_id
    ), bumped AS (
        UPDATE rooms r SET last_seq = r.last_seq + c.n, last_message_at = at
        FROM (SELECT f.room_id, count(*) AS n FROM input f WHERE f.is_new GROUP BY f.room_id) c
        WHERE r.id = c.room_id
        RETURNING r.id AS room_id, r.last_seq - c.n AS base, r.rev AS room_rev
    ), numbered AS MATERIALIZED (
        SELECT f.*, b.base + row_number() OVER (PARTITION BY f.room_id ORDER BY f.ord) AS new_seq, b.room_rev
        FROM input f JOIN bumped b USING (room_id) WHERE f.is_new
    ), stored AS (
        INSERT INTO messages (room_id, seq, id, sender_id, client_id, content, created_at)
        SELECT n.room_id, n.new_seq, n.id, n.sender_id, n.client_id, n.content, at FROM numbered n
    ), marked AS (                                                                     -- who writes has read
        UPDATE members b SET read_seq = x.seq, delivered_seq = x.seq
        FROM (SELECT n.room_id, n.sender_id, max(n.new_seq) AS seq FROM numbered n GROUP BY n.room_id, n.sender_id) x
        WHERE b.room_id = x.room_id AND b.user_id = x.sender_id
    ), posted AS (
        INSERT INTO outbox (key, type, payload)
        SELECT n.room_id, 'message.created', jsonb_build_object(
                   'id', n.id, 'type', 'message.created', 'version', 1, 'occurred_at', rfc3339(at),
                   'data', jsonb_build_object('id', n.id, 'room', n.room_id, 'seq', n.new_seq, 'user', n.sender_id,
                                              'content', n.content, 'created_at', rfc3339(at)))
        FROM numbered n ORDER BY n.room_id, n.new_seq
    )
    SELECT n.ord, 'stored', n.id, n.new_seq, n.room_rev, at FROM numbered n
    UNION ALL
    SELECT i.ord,
           CASE WHEN i.old_id IS NULL AND n.id IS NULL THEN 'not_a_member'
                WHEN coalesce(i.old_content, n.content) <> i.content THEN 'client_id_reused'
                ELSE 'duplicate' END,
           coalesce(i.old_id, n.id), coalesce(i.old_seq, n.new_seq), 0::bigint,
           coalesce(i.old_at, CASE WHEN n.id IS NOT NULL THEN at END)
    FROM input i LEFT JOIN numbered n ON n.ord = i.first WHERE NOT i.is_new;
END $$;
