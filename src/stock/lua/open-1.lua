#!lua
--[[ open-1: ends a load. From here the sale answers to its operator's state, on this server only.
     KEYS  meta                                                 (one slot: {saleId})
     ARGV  epoch, boot, state: open · paused · closed
     Reply 1 opened · -7 not loading under this epoch and boot · -8 bad argument ]]
local meta = KEYS[1]
local epoch, boot, state = ARGV[1], ARGV[2], ARGV[3]
if #ARGV ~= 3 or (state ~= 'open' and state ~= 'paused' and state ~= 'closed') then return -8 end
local metaState, metaEpoch, loader = unpack(redis.call('HMGET', meta, 'state', 'epoch', 'loader'))
if metaState ~= 'loading' or metaEpoch ~= epoch or loader ~= boot then return -7 end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('HSET', meta, 'state', state, 'boot', boot)
redis.call('HDEL', meta, 'loader')
return 1
