"""SQL by noun: plain functions `verb_noun(connection, …)`, explicit columns, the member in the WHERE."""

# Every statement here is answered by an index, always the same one, whatever the statistics of the day say: plans are
# made once per connection and do not look at parameters.
SESSION_SETTINGS = {
    "plan_cache_mode": "force_generic_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
