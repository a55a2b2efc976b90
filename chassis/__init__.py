"""How any Parley service runs: settings, HTTP, errors, logs, metrics, tokens, engines. No domain words in here."""
