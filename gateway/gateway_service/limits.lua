-- One round trip: does this caller have a token left (GCRA), and may this session still be used?
--
-- KEYS  1 the caller's state: the theoretical arrival time in microseconds
--       2 the session's revocation, 3 the sentinel (both absent for a caller without a session)
-- ARGV  1 microseconds per token, 2 burst
-- Returns {allowed, remaining, microseconds until full, microseconds until the next token, revoked, complete}.
-- The clock is Redis's own, so that all gateways agree.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local arrival = tonumber(redis.call('GET', KEYS[1]) or now)
if arrival < now then arrival = now end
local wait = arrival + interval - now - interval * burst
local allowed = 0
if wait <= 0 then
  allowed, wait, arrival = 1, 0, arrival + interval
  -- %.0f: Lua would write such a number with an exponent
  redis.call('SET', KEYS[1], string.format('%.0f', arrival), 'PX', math.ceil((arrival - now) / 1000))
end
local reset = arrival - now
local remaining = math.floor((interval * burst - reset) / interval)
local revoked, complete = 0, 0
if KEYS[2] then
  revoked, complete = redis.call('EXISTS', KEYS[2]), redis.call('EXISTS', KEYS[3])
end
return {allowed, remaining, reset, wait, revoked, complete}
