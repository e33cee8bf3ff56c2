#!lua flags=allow-oom
--[[ requeue-4: reservations whose lease ran out without a row get another lease and, unless the queue
     is only late, another entry in the outbox. Gives no unit back.
     KEYS  meta, records, due, outbox                           (one slot: {saleId})
     ARGV  leaseMs, '1' to write to the outbox or '0' to wait on, trace, rids
     Reply per rid: how often it was put in the outbox again, 0 when only waiting, -1 not reserved
           · {-8} bad argument · {-9} not loaded ]]
-- @include record
local meta, records, due, outbox = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local leaseMs, again, trace = ARGV[1], ARGV[2], ARGV[3]
if #ARGV < 4 or not is_count(leaseMs) or not string.match(again, '^[01]$') then return { -8 } end
for i = 4, #ARGV do
  if not is_rid(ARGV[i]) then return { -8 } end
end
if not redis.call('HGET', meta, 'state') then return { -9 } end
redis.call('HLEN', records) -- keys of the wrong type must fail here, before the first write
redis.call('ZCARD', due)
redis.call('XLEN', outbox)
local time = redis.call('TIME')
local deadline = string.format('%.0f', time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(leaseMs))

-- From here on nothing may fail: Redis does not roll a script back.
local replies = {}
for i = 4, #ARGV do
  local rid = ARGV[i]
  local record = unpack_record(redis.call('HGET', records, rid))
  local reply = -1
  if record and record.state == 'R' then
    reply = 0
    if again == '1' then
      record.requeues = record.requeues + 1
      reply = record.requeues
      redis.call('XADD', outbox, '*', 'rid', rid, 'user', record.userId, 'quantity', record.quantity,
        'print', record.fingerprint, 'epoch', record.epoch, 'seq', record.seq, 'at', record.reservedAt,
        'trace', trace, 'ip', '')
    end
    record.deadline = deadline
    redis.call('HSET', records, rid, pack_record(record))
    redis.call('ZADD', due, deadline, rid)
  end
  replies[#replies + 1] = reply
end
return replies
