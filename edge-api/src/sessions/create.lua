-- Starts a session that ends by itself, and makes room for it among those of its account.
--
-- KEYS[1]  the session
-- KEYS[2]  the account's sessions: their ids, by when they began
-- ARGV     session id, what every session's key begins with, now, longest life of a session, sessions of an account at most,
--          milliseconds to live (all times in ms), then fields and values

local id, prefix = ARGV[1], ARGV[2]
local now, longest, at_most = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])

redis.call('HSET', KEYS[1], unpack(ARGV, 7))
redis.call('PEXPIRE', KEYS[1], ARGV[6])
redis.call('ZADD', KEYS[2], string.format('%.0f', now), id)
redis.call('PEXPIRE', KEYS[2], string.format('%.0f', longest))

-- What is over makes room first.
for _, other in ipairs(redis.call('ZRANGE', KEYS[2], 0, -1)) do
  if redis.call('EXISTS', prefix .. other) == 0 then
    redis.call('ZREM', KEYS[2], other)
  end
end
local extra = redis.call('ZCARD', KEYS[2]) - at_most
if extra > 0 then
  for _, oldest in ipairs(redis.call('ZPOPMIN', KEYS[2], extra)) do
    -- ZPOPMIN answers ids and scores in turns; no session has a score for its id.
    redis.call('DEL', prefix .. oldest)
  end
end
