#!lua flags=allow-oom
--[[ confirm-3: the rows of these reservations are committed; they now wait for payment.
     KEYS  meta, records, due                                   (one slot: {saleId})
     ARGV  pairs of rid, payBeforeMs
     Reply one code per pair: 1 confirmed · 0 not a live reservation, nothing done
           · {-8} bad argument · {-9} not loaded ]]
-- @include record
local meta, records, due = KEYS[1], KEYS[2], KEYS[3]
if #ARGV == 0 or #ARGV % 2 ~= 0 then return { -8 } end
for i = 1, #ARGV, 2 do
  if not is_rid(ARGV[i]) or not is_count(ARGV[i + 1]) then return { -8 } end
end
if not has_counts(meta, 'reserved', 'ordered') then return { -9 } end
redis.call('ZCARD', due) -- keys of the wrong type must fail here, before the first write
redis.call('HLEN', records)

-- From here on nothing may fail: Redis does not roll a script back.
local codes = {}
for i = 1, #ARGV, 2 do
  local rid, payBefore = ARGV[i], ARGV[i + 1]
  local record = unpack_record(redis.call('HGET', records, rid))
  local code = 0
  if record and record.state == 'R' then
    record.state, record.deadline = 'O', payBefore
    redis.call('HSET', records, rid, pack_record(record))
    redis.call('ZADD', due, payBefore, rid)
    redis.call('HINCRBY', meta, 'reserved', -record.quantity)
    redis.call('HINCRBY', meta, 'ordered', record.quantity)
    code = 1
  end
  codes[#codes + 1] = code
end
return codes
