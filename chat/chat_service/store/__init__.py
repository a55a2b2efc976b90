"""SQL by noun: plain functions `verb_noun(connection, …)`, explicit columns, the member in the WHERE."""
