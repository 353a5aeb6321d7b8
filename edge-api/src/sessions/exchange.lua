-- Exchanges a token of a session for its successor, or ends the session because the token came twice.
-- The same decisions as Session::exchange in session.rs; one script, so that nothing comes between check and change.
--
-- KEYS[1]  the session
-- ARGV     kind ("access" | "refresh"), new token id, now, idle, grace, token ttl (all times in ms), then
--          access:  token id
--          refresh: generation, fingerprint, next fingerprint
-- returns  {"current", token id, issued at} | {"ended"} | {"reused"}

local key = KEYS[1]
local kind, new_token = ARGV[1], ARGV[2]
local now, idle, grace, ttl = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

local fields = redis.call('HMGET', key, 'absolute_end', 'idle_end', 'token', 'issued_at', 'used', 'previous_token',
  'generation', 'fingerprint', 'previous_fingerprint', 'answered_at')
if not fields[1] then
  return {'ended'}
end
local absolute_end, idle_end = tonumber(fields[1]), tonumber(fields[2])
local token, issued_at, used, previous_token = fields[3], tonumber(fields[4]), fields[5] == '1', fields[6]
local generation, fingerprint, previous_fingerprint = tonumber(fields[7]), fields[8], fields[9]
-- A session that an earlier version has begun has no such field.
local answered_at = tonumber(fields[10]) or issued_at

if now >= absolute_end or now >= idle_end then
  redis.call('DEL', key)
  return {'ended'}
end

local function current()
  return {'current', token, string.format('%.0f', issued_at)}
end

local function issue(predecessor)
  token, issued_at = new_token, now
  local ends = math.min(absolute_end, now + idle)
  redis.call('HSET', key, 'token', token, 'issued_at', string.format('%.0f', now), 'used', '0',
    'answered_at', string.format('%.0f', now), 'previous_token', predecessor, 'idle_end', string.format('%.0f', now + idle))
  redis.call('PEXPIRE', key, string.format('%.0f', ends - now))
  return current()
end

local function reused()
  redis.call('DEL', key)
  return {'reused'}
end

-- Answers a predecessor: within the grace always, and after it as long as nothing shows that the answer has arrived. A successor
-- that has run out is replaced. The grace begins anew then, for a request that was sent twice.
local function again()
  if now - answered_at <= grace then
    return current()
  end
  if used then
    return reused()
  end
  if now - issued_at >= ttl then
    return issue(previous_token)
  end
  redis.call('HSET', key, 'answered_at', string.format('%.0f', now))
  return current()
end

if kind == 'access' then
  local presented = ARGV[7]
  if presented == token then
    -- Whoever hands it in has had the answer that brought it: no refresh waits for its answer any more.
    redis.call('HSET', key, 'previous_fingerprint', '')
    return issue(token)
  end
  if presented ~= previous_token then
    return reused()
  end
  return again()
end

local presented_generation, presented, next_fingerprint = tonumber(ARGV[7]), ARGV[8], ARGV[9]
if presented_generation == generation and presented == fingerprint then
  redis.call('HSET', key, 'generation', generation + 1, 'fingerprint', next_fingerprint,
    'previous_fingerprint', fingerprint)
  return issue(token)
end
if presented_generation + 1 == generation and presented == previous_fingerprint then
  return again()
end
return reused()
