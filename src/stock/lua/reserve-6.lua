#!lua
--[[ reserve-6: holds units of one sale for one buyer, exactly once per rid, and spends his proofs.
     KEYS  meta, records, users, due, outbox, spent             (one slot: {saleId})
     ARGV  rid, userId, quantity, fingerprint, boot, epoch, leaseMs, trace, ip, device, payWindow,
           saleToken, captcha
           payWindow: seconds, 0 for that of the sale · saleToken, captcha: ids of proofs, or ''
     Reply {code, available, seq, state, quantity, reservedAt}
           1 held · 2 replayed (the record as it is now) · -1 sold out · -2 over the limit · -3 other body
           -4 not open yet · -5 closed · -6 paused · -7 fenced · -8 bad argument · -9 not loaded
           -10 sale token spent · -11 captcha spent ]]
-- @include record
local meta, records, users, due, outbox, spent = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local rid, userId, quantity, fingerprint = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local boot, epoch, leaseMs, trace, ip = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9]
local device, payWindow, saleToken, captcha = ARGV[10], ARGV[11], ARGV[12], ARGV[13]

local function refuse(code, available) return { code, tonumber(available) or 0, 0, '', 0, 0 } end

if #ARGV ~= 13 or not is_rid(rid) or userId == '' or #userId > 512 or boot == ''
  or not is_count(quantity) or not is_count(epoch) or not is_count(leaseMs)
  or not is_rid(fingerprint) or not is_count(payWindow) or #device > 512
  or (saleToken ~= '' and not is_rid(saleToken)) or (captcha ~= '' and not is_rid(captcha)) then
  return refuse(-8)
end
local units = tonumber(quantity)
if units < 1 or units > 1000 then return refuse(-8) end

local fields = redis.call('HMGET', meta, 'state', 'epoch', 'boot', 'opens', 'closes', 'limit',
  'available', 'reserved', 'seq')
local state, metaEpoch, metaBoot, opens, closes, limit, available = unpack(fields)
if not state then return refuse(-9) end
for i = 4, 9 do
  if not is_count(fields[i]) then return refuse(-9) end
end
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

if state == 'paused' then return refuse(-6, available) end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if state ~= 'open' or now >= tonumber(closes) then return refuse(-5, available) end
if now < tonumber(opens) then return refuse(-4, available) end
if saleToken ~= '' and redis.call('HEXISTS', spent, saleToken) == 1 then return refuse(-10, available) end
if captcha ~= '' and redis.call('HEXISTS', spent, captcha) == 1 then return refuse(-11, available) end
if tonumber(available) < units then return refuse(-1, available) end
local held = redis.call('HGET', users, userId) or '0'
if not is_count(held) then return refuse(-9) end
if held + units > tonumber(limit) then return refuse(-2, available) end
redis.call('ZSCORE', due, rid) -- a key of the wrong type must fail here, before the first write
redis.call('XLEN', outbox)
redis.call('HLEN', spent)

-- From here on nothing may fail: Redis does not roll a script back.
local after = redis.call('HINCRBY', meta, 'available', -units)
redis.call('HINCRBY', meta, 'reserved', units)
local seq = redis.call('HINCRBY', meta, 'seq', 1)
local reservedAt = string.format('%.0f', now)
local deadline = string.format('%.0f', now + tonumber(leaseMs))
redis.call('HSET', records, rid, pack_record({ state = 'R', quantity = quantity, deadline = deadline,
  seq = string.format('%.0f', seq), epoch = epoch, reservedAt = reservedAt, requeues = 0,
  fingerprint = fingerprint, userId = userId }))
redis.call('HINCRBY', users, userId, units)
redis.call('ZADD', due, deadline, rid)
if saleToken ~= '' then redis.call('HSET', spent, saleToken, rid) end
if captcha ~= '' then redis.call('HSET', spent, captcha, rid) end
redis.call('XADD', outbox, '*', 'rid', rid, 'user', userId, 'quantity', quantity, 'print', fingerprint,
  'epoch', epoch, 'seq', seq, 'at', reservedAt, 'trace', trace, 'ip', ip, 'device', device,
  'window', payWindow)
return { 1, after, seq, 'R', units, now }
