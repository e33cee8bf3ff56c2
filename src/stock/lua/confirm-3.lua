#!lua flags=allow-oom
--[[ confirm-3: the rows of these reservations are committed; they now wait for payment. All of a batch
     in five commands: each that is called, and written to disk, has its price.
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
local arguments = 2000 -- so many at once: unpack takes no more than some thousand

-- From here on nothing may fail: Redis does not roll a script back.
local codes, units = {}, 0
for first = 1, #ARGV, arguments do
  local rids, taken, changes, deadlines = {}, {}, {}, {}
  for i = first, math.min(first + arguments, #ARGV + 1) - 1, 2 do rids[#rids + 1] = ARGV[i] end
  local texts = redis.call('HMGET', records, unpack(rids))
  for i, rid in ipairs(rids) do
    local payBefore, code = ARGV[first + 2 * i - 1], 0
    local record = unpack_record(texts[i])
    if record and record.state == 'R' and not taken[rid] then
      taken[rid], code, units = true, 1, units + record.quantity
      record.state, record.deadline = 'O', payBefore
      changes[#changes + 1], changes[#changes + 2] = rid, pack_record(record)
      deadlines[#deadlines + 1], deadlines[#deadlines + 2] = payBefore, rid
    end
    codes[#codes + 1] = code
  end
  if #changes > 0 then
    redis.call('HSET', records, unpack(changes))
    redis.call('ZADD', due, unpack(deadlines))
  end
end
if units > 0 then
  redis.call('HINCRBY', meta, 'reserved', string.format('%.0f', -units))
  redis.call('HINCRBY', meta, 'ordered', string.format('%.0f', units))
end
return codes
