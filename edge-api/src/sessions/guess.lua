-- Counts a guess at a password against all who make it, unless one of them has guessed too often.
--
-- KEYS  the guessers: their guesses, by when they were made
-- ARGV  id of the guess, now, how long a guess counts (ms), then for each key the guesses that it may have at most
--
-- Answers how long to wait (ms); 0 if the guess may be made.

local id, now, window = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local wait = 0
for i, key in ipairs(KEYS) do
  redis.call('ZREMRANGEBYSCORE', key, '-inf', string.format('%.0f', now - window))
  if redis.call('ZCARD', key) >= tonumber(ARGV[3 + i]) then
    local oldest = tonumber(redis.call('ZRANGE', key, 0, 0, 'WITHSCORES')[2])
    wait = math.max(wait, oldest + window - now)
  end
end
if wait > 0 then
  return wait
end

for _, key in ipairs(KEYS) do
  redis.call('ZADD', key, string.format('%.0f', now), id)
  redis.call('PEXPIRE', key, string.format('%.0f', window))
end
return 0
