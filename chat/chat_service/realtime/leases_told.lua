-- The partners of these users have been told. Newer news of the same user have another score, and stay.
--
-- KEYS  1 whose partners are to be told
-- ARGV  for each: user, until when telling was this pod's
for i = 1, #ARGV, 2 do
  local score = redis.call('ZSCORE', KEYS[1], ARGV[i])
  if score and tonumber(score) == tonumber(ARGV[i + 1]) then redis.call('ZREM', KEYS[1], ARGV[i]) end
end
return #ARGV / 2
