"""Clients talk while things break; afterwards a checker looks at everything that was said."""
