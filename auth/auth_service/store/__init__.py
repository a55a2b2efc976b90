"""SQL by noun: functions `verb_noun(connection, ...)` with explicit columns and the owner in the `WHERE`."""
