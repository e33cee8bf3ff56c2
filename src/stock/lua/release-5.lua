#!lua flags=allow-oom
--[[ release-5: the rows of these reservations hold no units; gives the units and the buyer's
     allowance back. The record is closed and kept: that is what makes a second release, and a replay
     of the purchase, take nothing. Only a frozen one may be opened again, by retake-5.
     KEYS  meta, records, users, due, tokens                    (one slot: {saleId})
     ARGV  pairs of rid, state of the row: C cancelled · E expired · J rejected · F frozen · B refunded,
           and behind F the number of the hold that was frozen, from the second on
     Reply one code per pair: 1 released · 0 not live (B: not sold; F: in a newer hold) or not readable,
           no unit moved
           · {-8} bad argument · {-9} not loaded ]]
-- @include record
-- @include units
local meta, records, users, due, tokens = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
if #ARGV == 0 or #ARGV % 2 ~= 0 then return { -8 } end
for i = 1, #ARGV, 2 do
  if not is_rid(ARGV[i]) or not string.match(ARGV[i + 1], '^[CEJFB]%d?%d?%d?%d?%d?$') then return { -8 } end
end
if not has_counts(meta, 'available', 'reserved', 'ordered', 'sold') then return { -9 } end
local strategy, is_movable = strategy_of(meta, tokens)
if not is_movable then return { -9 } end
redis.call('HLEN', users) -- keys of the wrong type must fail here, before the first write
redis.call('ZCARD', due)
redis.call('HLEN', records)
local counter = { R = 'reserved', O = 'ordered' }

-- From here on nothing may fail: Redis does not roll a script back.
local codes = {}
for i = 1, #ARGV, 2 do
  local rid, final, hold = ARGV[i], split_state(ARGV[i + 1])
  local record = unpack_record(redis.call('HGET', records, rid))
  local from = record and counter[record.state]
  if record and final == 'B' then from = record.state == 'S' and 'sold' or nil end
  -- A row that was read before its order was thawed must not give the new hold back.
  if from and final == 'F' and record.hold > hold then from = nil end
  if from and not is_count(redis.call('HGET', users, record.userId) or '0') then from = nil end
  if from or (record and record.state == 'F' and final == 'C') then
    record.state = final
    redis.call('HSET', records, rid, pack_record(record))
  end
  if from then
    redis.call('ZREM', due, rid)
    redis.call('HINCRBY', meta, from, -record.quantity)
    give(meta, tokens, strategy, record.quantity)
    if redis.call('HINCRBY', users, record.userId, -record.quantity) <= 0 then
      redis.call('HDEL', users, record.userId)
    end
  end
  codes[#codes + 1] = from and 1 or 0
end
return codes
