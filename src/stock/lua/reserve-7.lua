#!lua
--[[ reserve-7: holds units of one sale for one buyer, exactly once per rid, and spends his proofs.
     KEYS  meta, records, users, due, outbox, spent, tokens     (one slot: {saleId})
     ARGV  rid, userId, quantity, fingerprint, boot, epoch, leaseMs, trace, ip, device, payWindow (seconds, 0
           for that of the sale), saleToken, captcha (ids of proofs, or ''), backlog (as many units without
           a row end the taking of more, 0 for no end), earlier (a rid of this buyer in the sale, or '')
     Reply {code, available, seq, state, quantity, reservedAt}
           1 held · 2 replayed (the record as it is now) · -1 sold out, or not on sale again yet
           -2 over the limit · -3 other body · -4 not open yet · -5 closed · -6 paused · -7 fenced
           -8 bad argument · -9 not loaded · -10 sale token spent · -11 captcha spent · -12 backlog full ]]
-- @include record
-- @include units
-- @include sold-out
local meta, records, users, due, outbox, spent, tokens =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local rid, userId, quantity, fingerprint, boot, epoch, leaseMs, trace, ip, device, payWindow, saleToken,
  captcha, backlog, earlier = unpack(ARGV)
local function refuse(code, available) return { code, tonumber(available) or 0, 0, '', 0, 0 } end

local units = is_count(quantity) and tonumber(quantity) or 0
if #ARGV ~= 15 or not is_rid(rid) or userId == '' or #userId > 512 or boot == ''
  or units < 1 or units > 1000 or not is_count(epoch) or not is_count(leaseMs) or not is_count(backlog)
  or not is_rid(fingerprint) or not is_count(payWindow) or #device > 512
  or (saleToken ~= '' and not is_rid(saleToken)) or (captcha ~= '' and not is_rid(captcha))
  or (earlier ~= '' and not is_rid(earlier)) then
  return refuse(-8)
end
local fields = redis.call('HMGET', meta, 'state', 'epoch', 'boot', 'opens', 'closes', 'limit',
  'available', 'reserved', 'seq', 'strategy', 'reopens')
local state, metaEpoch, metaBoot, opens, closes, limit, available, reserved, seq, strategy, reopens =
  unpack(fields)
if not state then return refuse(-9) end
for i = 4, 9 do if not is_count(fields[i]) then return refuse(-9) end end
-- Both must be those of the server that runs this very script: an old snapshot must not sell.
if metaBoot ~= boot or metaEpoch ~= epoch or state == 'loading' or state == 'recovering' then
  return refuse(-7)
end
local known = redis.call('HGET', records, rid)
if known then
  local record = unpack_record(known)
  if not record then return refuse(-9) end
  if record.fingerprint ~= fingerprint then return refuse(-3, available) end
  return { 2, tonumber(available), tonumber(record.seq), record.state,
    tonumber(record.quantity), tonumber(record.reservedAt) }
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
-- Over before paused: a sale whose time has passed will not go on.
if now >= tonumber(closes) or (state ~= 'open' and state ~= 'paused') then return refuse(-5, available) end
if state == 'paused' then return refuse(-6, available) end
if now < tonumber(opens) then return refuse(-4, available) end
if saleToken ~= '' and redis.call('HEXISTS', spent, saleToken) == 1 then return refuse(-10, available) end
if captcha ~= '' and redis.call('HEXISTS', spent, captcha) == 1 then return refuse(-11, available) end
if tokens_differ(tokens, strategy, available) then return refuse(-9) end
local isShut = is_shut(reopens, now, records, earlier)
if isShut or tonumber(available) < units then return refuse(-1, available) end
local held = redis.call('HGET', users, userId) or '0'
if not is_count(held) then return refuse(-9) end
if held + units > tonumber(limit) then return refuse(-2, available) end
if backlog ~= '0' and tonumber(reserved) >= tonumber(backlog) then return refuse(-12, available) end
redis.call('ZCARD', due) -- a key of the wrong type must fail here, before the first write

-- From here on nothing may fail: Redis does not roll a script back.
-- But for the first write: an outbox of the wrong type fails by itself, and then nothing is written.
local reservedAt = string.format('%.0f', now)
local deadline = string.format('%.0f', now + tonumber(leaseMs))
seq = string.format('%.0f', seq + 1)
redis.call('XADD', outbox, '*', 'rid', rid, 'user', userId, 'quantity', quantity, 'print', fingerprint,
  'epoch', epoch, 'seq', seq, 'at', reservedAt, 'trace', trace, 'ip', ip, 'device', device,
  'window', payWindow)
local left = take_of(meta, tokens, strategy, available, units, 'reserved', reserved + units, 'seq', seq)
redis.call('HSET', records, rid, pack_record({ state = 'R', quantity = quantity, deadline = deadline,
  seq = seq, epoch = epoch, reservedAt = reservedAt, requeues = 0, fingerprint = fingerprint,
  userId = userId }))
redis.call('HSET', users, userId, held + units)
redis.call('ZADD', due, deadline, rid)
if saleToken ~= '' then redis.call('HSET', spent, saleToken, rid) end
if captcha ~= '' then redis.call('HSET', spent, captcha, rid) end
return { 1, left, tonumber(seq), 'R', units, now }
