#!lua
--[[ open-1: ends a load. From here the sale answers to its operator's state, on this server only.
     KEYS  meta                                                 (one slot: {saleId})
     ARGV  closer (as load-begin-7.lua had it), boot, state: open · paused · closed
     Reply 1 opened · -7 not being loaded by this run for this boot · -8 bad argument ]]
local meta = KEYS[1]
local closer, boot, state = ARGV[1], ARGV[2], ARGV[3]
if #ARGV ~= 3 or (state ~= 'open' and state ~= 'paused' and state ~= 'closed') then return -8 end
local metaState, metaCloser, loader = unpack(redis.call('HMGET', meta, 'state', 'closer', 'loader'))
if metaState ~= 'loading' or metaCloser ~= closer or loader ~= boot then return -7 end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('HSET', meta, 'state', state, 'boot', boot)
redis.call('HDEL', meta, 'loader', 'closer')
return 1
