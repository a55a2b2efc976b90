-- The events that have been applied, so that one which arrives again changes nothing. Their ids are UUIDv7: the primary
-- key is also their order in time, by which old ones are removed.

CREATE TABLE applied_events (
    id uuid PRIMARY KEY
);
