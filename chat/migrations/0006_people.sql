-- What user.events say of people, and what is left of those who are gone.

ALTER TABLE users ADD COLUMN named_at timestamptz;     -- of the latest word about his names; what is older changes nothing

-- Where somebody was a member: his messages there are still his, and he may ask for all of them.
CREATE TABLE left_rooms (
    user_id uuid        NOT NULL REFERENCES users (id),
    room_id uuid        NOT NULL REFERENCES rooms (id),
    left_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, room_id)
);

CREATE FUNCTION remember_left_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO left_rooms (user_id, room_id) VALUES (OLD.user_id, OLD.room_id)
        ON CONFLICT (user_id, room_id) DO UPDATE SET left_at = excluded.left_at;
    RETURN NULL;
END $$;

CREATE TRIGGER members_left AFTER DELETE ON members FOR EACH ROW EXECUTE FUNCTION remember_left_room();
