"""The gateway, the one door from outside: routes, limits, tokens, a streaming proxy, sockets spliced to chat pods."""
