#!lua
--[[ load-records-5: adds database rows to a sale that is being loaded, as records. A row that is
     there already is passed over, so a repeated call changes nothing.
     KEYS  meta, records, users, due, tokens                    (one slot: {saleId})
     ARGV  closer (as load-begin-7.lua had it), then eights of rid, state with its hold, quantity,
           deadlineMs, seq, reservedAtMs, fingerprint, userId
     Reply how many were added · -7 not being loaded by this run, or unreadable · -8 bad argument ]]
-- @include record
-- @include units
local meta, records, users, due, tokens = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local closer = ARGV[1]
if not is_rid(closer) or (#ARGV - 1) % 8 ~= 0 then return -8 end
for i = 2, #ARGV, 8 do
  if not is_rid(ARGV[i]) or not string.match(ARGV[i + 1], '^[OSCEJFB]%d?%d?%d?%d?%d?$')
    or not is_count(ARGV[i + 2]) or not is_count(ARGV[i + 3]) or not is_count(ARGV[i + 4])
    or not is_count(ARGV[i + 5]) or not string.match(ARGV[i + 6], '^[%w_-]*$') then
    return -8
  end
end
local state, metaCloser, epoch = unpack(redis.call('HMGET', meta, 'state', 'closer', 'epoch'))
if state ~= 'loading' or metaCloser ~= closer
  or not has_counts(meta, 'epoch', 'available', 'ordered', 'sold') then
  return -7
end
local strategy, is_movable = strategy_of(meta, tokens)
if not is_movable then return -7 end
redis.call('HLEN', records) -- keys of the wrong type must fail here, before the first write
redis.call('HLEN', users)
redis.call('ZCARD', due)
for i = 2, #ARGV, 8 do
  if not is_count(redis.call('HGET', users, ARGV[i + 7]) or '0') then return -7 end
end
local counter = { O = 'ordered', S = 'sold' }

-- From here on nothing may fail: Redis does not roll a script back.
local added = 0
for i = 2, #ARGV, 8 do
  local state, hold = split_state(ARGV[i + 1])
  local rid, record = ARGV[i], { state = state, hold = hold, quantity = ARGV[i + 2],
    deadline = ARGV[i + 3], seq = ARGV[i + 4], epoch = epoch, reservedAt = ARGV[i + 5], requeues = 0,
    fingerprint = ARGV[i + 6], userId = ARGV[i + 7] }
  if redis.call('HSETNX', records, rid, pack_record(record)) == 1 then
    added = added + 1
    local holds = counter[record.state]
    if holds then
      take(meta, tokens, strategy, record.quantity)
      redis.call('HINCRBY', meta, holds, record.quantity)
      redis.call('HINCRBY', users, record.userId, record.quantity)
    end
    if record.state == 'O' then redis.call('ZADD', due, record.deadline, rid) end
  end
end
return added
