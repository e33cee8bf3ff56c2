#!lua flags=allow-oom
--[[ take-captcha-1: gives a challenge of one user away, once: whoever gets it may try one answer.
     KEYS  challenges                                           (hash of one user: id → challenge)
     ARGV  id
     Reply the riddle · nil where it is not this user's, was taken or has expired ]]
local challenges = KEYS[1]
local id = ARGV[1]
local challenge = redis.call('HGET', challenges, id)
if not challenge then return nil end
local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local expiresAtMs, riddle = string.match(challenge, '^(%d+) (.*)$')

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('HDEL', challenges, id)
return expiresAtMs and tonumber(expiresAtMs) > nowMs and riddle or nil
