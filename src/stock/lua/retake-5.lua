#!lua
--[[ retake-5: holds the units of a frozen order again, as its hold of this number, exactly once. The
     operator's state and the closing time do not count: the buyer had come in time.
     KEYS  meta, records, users, due, tokens                    (one slot: {saleId})
     ARGV  rid, hold (2 or more), boot, epoch, leaseMs
     Reply 1 held · 2 held before · 0 neither frozen nor held, or in a newer hold, nothing done
           -1 sold out · -2 over the limit · -7 fenced · -8 bad argument · -9 not loaded ]]
-- @include record
-- @include units
local meta, records, users, due, tokens = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local rid, hold, boot, epoch, leaseMs = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
if #ARGV ~= 5 or not is_rid(rid) or not is_count(hold) or #hold > 5 or tonumber(hold) < 2 or boot == ''
  or not is_count(epoch) or not is_count(leaseMs) then
  return -8
end
hold = tonumber(hold)
if not has_counts(meta, 'limit', 'available', 'reserved') then return -9 end
local state, metaBoot, metaEpoch, limit, available, strategy =
  unpack(redis.call('HMGET', meta, 'state', 'boot', 'epoch', 'limit', 'available', 'strategy'))
-- As for a purchase: an old snapshot must give nothing away.
if metaBoot ~= boot or metaEpoch ~= epoch or state == 'loading' or state == 'recovering' then return -7 end
local record = unpack_record(redis.call('HGET', records, rid))
if not record then return -9 end
if record.hold == hold and (record.state == 'R' or record.state == 'O') then return 2 end
if record.state ~= 'F' or record.hold >= hold then return 0 end
if tokens_differ(tokens, strategy, available) then return -9 end
if tonumber(available) < tonumber(record.quantity) then return -1 end
local held = redis.call('HGET', users, record.userId) or '0'
if not is_count(held) then return -9 end
if held + record.quantity > tonumber(limit) then return -2 end
redis.call('ZSCORE', due, rid) -- a key of the wrong type must fail here, before the first write
local time = redis.call('TIME')

-- From here on nothing may fail: Redis does not roll a script back.
record.state, record.hold, record.epoch = 'R', hold, epoch
record.deadline = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(leaseMs))
redis.call('HSET', records, rid, pack_record(record))
redis.call('ZADD', due, record.deadline, rid)
redis.call('HINCRBY', users, record.userId, record.quantity)
take(meta, tokens, strategy, record.quantity)
redis.call('HINCRBY', meta, 'reserved', record.quantity)
return 1
