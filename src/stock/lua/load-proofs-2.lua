#!lua
--[[ load-proofs-2: proofs that the database knows as spent become so here, in a sale that is being
     loaded. One that is there already is passed over, so a repeated call changes nothing.
     KEYS  meta, spent                                          (one slot: {saleId})
     ARGV  closer (as load-begin-7.lua had it), then pairs of proof, rid
     Reply how many were added · -7 not being loaded by this run · -8 bad argument ]]
-- @include record
local meta, spent = KEYS[1], KEYS[2]
local closer = ARGV[1]
if not is_rid(closer) or (#ARGV - 1) % 2 ~= 0 then return -8 end
for i = 2, #ARGV do
  if not is_rid(ARGV[i]) then return -8 end
end
local state, metaCloser = unpack(redis.call('HMGET', meta, 'state', 'closer'))
if state ~= 'loading' or metaCloser ~= closer then return -7 end
redis.call('HLEN', spent) -- a key of the wrong type must fail here, before the first write

-- From here on nothing may fail: Redis does not roll a script back.
local added = 0
for i = 2, #ARGV, 2 do
  added = added + redis.call('HSETNX', spent, ARGV[i], ARGV[i + 1])
end
return added
