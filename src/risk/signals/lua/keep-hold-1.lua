#!lua
--[[ keep-hold-1: an attempt has held units: keeps the place of its device until the order is decided.
     record-purchase-n does it with all else, where there is no Cluster.
     KEYS  holds                                                (of that device)
     ARGV  rid
     Reply 1 kept · 0 there is no place any more: the order was decided already · -8 bad argument ]]
-- @include hold
local holds = KEYS[1]
local rid = ARGV[1]
if #ARGV ~= 1 or rid == '' then return -8 end
local place = place_of(holds, rid)
if not place then return 0 end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('ZADD', holds, place - place % 1000 + HELD, rid)
return 1
