-- A pod looks for users who are overdue, and for news that nobody has told in time; it has to tell both now.
--
-- KEYS  1 who is shown online, 2 whose partners are to be told, 3 when this was last asked, 4 until when nobody is declared
--       offline, 5 the life of these keys, 6 who has changed lately
-- ARGV  1 the grace, 2 how long news are this pod's to tell, 3 after how long without a question leases mean nothing,
--       4 for how long then nobody is declared offline, 5 for how long changes are kept (microseconds), 6 how many to claim at
--       most
-- Returns {life or '', now, then for each: user, '1' if he is shown online else '0', when he was last there or ''}.
--
-- When nobody has asked for a while, Redis was away, frozen or restored, or no pod was there: leases could not be renewed, so
-- that they have run out says nothing. Pods get time to renew them before anybody is declared offline.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local grace, retry, stale = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local hold, kept, most = tonumber(ARGV[4]), tonumber(ARGV[5]), ARGV[6]
local beat = redis.call('GET', KEYS[3])
redis.call('SET', KEYS[3], string.format('%.0f', now))
if (not beat or now - tonumber(beat) > stale) and redis.call('ZCARD', KEYS[1]) > 0 then
  redis.call('SET', KEYS[4], string.format('%.0f', now + hold))
end
local reply = {redis.call('GET', KEYS[5]) or '', string.format('%.0f', now)}
local until_then = string.format('%.0f', now)
for _, user in ipairs(redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', until_then, 'LIMIT', 0, most)) do
  redis.call('ZADD', KEYS[2], string.format('%.0f', now + retry), user)
  reply[#reply + 1] = user
  reply[#reply + 1] = redis.call('ZSCORE', KEYS[1], user) and '1' or '0'
  reply[#reply + 1] = ''
end
if now >= tonumber(redis.call('GET', KEYS[4]) or 0) then
  local overdue = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', until_then, 'WITHSCORES', 'LIMIT', 0, most)
  for i = 1, #overdue, 2 do
    redis.call('ZREM', KEYS[1], overdue[i])
    redis.call('ZADD', KEYS[2], string.format('%.0f', now + retry), overdue[i])
    redis.call('ZADD', KEYS[6], until_then, overdue[i])
    reply[#reply + 1] = overdue[i]
    reply[#reply + 1] = '0'
    reply[#reply + 1] = string.format('%.0f', tonumber(overdue[i + 1]) - grace)
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', string.format('%.0f', now - kept))
return reply
