#!lua flags=allow-oom
--[[ settle-3: the rows of these reservations are paid; the units are sold.
     KEYS  meta, records, due                                   (one slot: {saleId})
     ARGV  rids
     Reply one code per rid: 1 settled · 0 not a live reservation, nothing done
           · {-8} bad argument · {-9} not loaded ]]
-- @include record
local meta, records, due = KEYS[1], KEYS[2], KEYS[3]
if #ARGV == 0 then return { -8 } end
for i = 1, #ARGV do
  if not is_rid(ARGV[i]) then return { -8 } end
end
if not has_counts(meta, 'reserved', 'ordered', 'sold') then return { -9 } end
redis.call('ZCARD', due) -- keys of the wrong type must fail here, before the first write
redis.call('HLEN', records)
local counter = { R = 'reserved', O = 'ordered' }

-- From here on nothing may fail: Redis does not roll a script back.
local codes = {}
for i, rid in ipairs(ARGV) do
  local record = unpack_record(redis.call('HGET', records, rid))
  local from = record and counter[record.state]
  if from then
    record.state = 'S'
    redis.call('HSET', records, rid, pack_record(record))
    redis.call('ZREM', due, rid)
    redis.call('HINCRBY', meta, from, -record.quantity)
    redis.call('HINCRBY', meta, 'sold', record.quantity)
  end
  codes[i] = from and 1 or 0
end
return codes
