-- A pod reports sockets that have come, are still there, or have gone.
--
-- KEYS  1 who is shown online, 2 whose partners are to be told, 3 the life of these keys, 4 who has changed lately; then each
--       socket's user's leases
-- ARGV  1 a lease, 2 the grace, 3 how long news are this pod's to tell (microseconds), 4 a name for a new life;
--       then for each socket: `came`, `here` or `gone`, the life in which it was last reported or '', its user, itself
-- Returns {life, now, users who are shown online from now on ...}.
--
-- A socket that is `here`, of a user who is not shown: in the same life he has been declared offline while its pod was cut
-- off, so his partners are told; in another life Redis was emptied, and nobody has to be told anything, unless that is a lease
-- ago: by then he has been taken for gone.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local lease, grace, retry = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local life = redis.call('GET', KEYS[3])
if not life then
  life = string.format('%.0f-%s', now, ARGV[4])  -- %.0f: Lua would write such a number with an exponent
  redis.call('SET', KEYS[3], life)
end
local settled = now - tonumber(string.match(life, '^%d+')) > lease
local reply = {life, string.format('%.0f', now)}
for i = 5, #KEYS do
  local leases, at = KEYS[i], 5 + (i - 5) * 4
  local what, known, user, socket = ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]
  local shown = redis.call('ZSCORE', KEYS[1], user)
  if what == 'gone' then
    redis.call('ZREM', leases, socket)
    if shown or (known ~= '' and known ~= life) then
      local last, alive = redis.call('ZRANGE', leases, -1, -1, 'WITHSCORES')[2], now
      if last and tonumber(last) > now then alive = tonumber(last) end
      redis.call('ZADD', KEYS[1], string.format('%.0f', alive + grace), user)
    end
  else
    redis.call('ZADD', leases, string.format('%.0f', now + lease), socket)
    redis.call('PEXPIRE', leases, math.ceil((lease + grace) / 1000))
    redis.call('ZADD', KEYS[1], string.format('%.0f', now + lease + grace), user)
    if what == 'came' then redis.call('ZREMRANGEBYSCORE', leases, '-inf', time[1] * 1000000) end
    if not shown and (what == 'came' or known == life or settled) then
      redis.call('ZADD', KEYS[2], string.format('%.0f', now + retry), user)
      redis.call('ZADD', KEYS[4], string.format('%.0f', now), user)
      reply[#reply + 1] = user
    end
  end
end
return reply
