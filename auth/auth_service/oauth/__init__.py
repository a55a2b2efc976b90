"""Logging in with an account elsewhere: OAuth 2 with PKCE, OpenID Connect."""
