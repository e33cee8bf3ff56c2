#!lua
--[[ lock-segment-3: gives one buyer his own lock and that of one segment of the stock, both or none.
     KEYS  buyer, segment, tokens                               (one slot: {saleId})
     ARGV  holder, leaseMs
     Reply the token, a text, higher than every one before · 0 somebody has one of the locks · -8 bad argument ]]
local buyer, segment, tokens = KEYS[1], KEYS[2], KEYS[3]
local holder, leaseMs = ARGV[1], ARGV[2]
if #ARGV ~= 2 or holder == '' or not string.match(leaseMs, '^%d+$') then return -8 end
if redis.call('EXISTS', buyer, segment) > 0 then return 0 end
local last = redis.call('GET', tokens) or '0'
if not string.match(last, '^%d+$') then return -8 end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('SET', buyer, holder, 'PX', leaseMs)
redis.call('SET', segment, holder, 'PX', leaseMs)
-- By the clock, so that a Redis that has lost its data gives no number twice.
local time = redis.call('TIME')
local token = string.format('%.0f', math.max(last + 1, time[1] * 1000000 + time[2]))
redis.call('SET', tokens, token)
return token
