#!lua
--[[ lock-segment-3: gives one buyer his own lock and that of one segment of the stock, both or none.
     KEYS  buyer, segment, tokens                               (one slot: {saleId})
     ARGV  holder, leaseMs
     Reply the token, higher than every one before · 0 somebody has one of the locks · -8 bad argument ]]
local buyer, segment, tokens = KEYS[1], KEYS[2], KEYS[3]
local holder, leaseMs = ARGV[1], ARGV[2]
if #ARGV ~= 2 or holder == '' or not string.match(leaseMs, '^%d+$') then return -8 end
if redis.call('EXISTS', buyer, segment) > 0 then return 0 end
if not string.match(redis.call('GET', tokens) or '0', '^%d+$') then return -8 end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('SET', buyer, holder, 'PX', leaseMs)
redis.call('SET', segment, holder, 'PX', leaseMs)
return redis.call('INCR', tokens)
