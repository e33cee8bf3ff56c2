#!lua flags=no-writes
--[[ audit-4: the counters of a sale in one consistent look, and whether they add up (I2).
     KEYS  meta, records, due, outbox                           (one slot: {saleId})
     ARGV  none
     Reply {loaded, balanced, total, available, reserved, ordered, sold, seq, records, due, outbox,
           epoch, state, boot}; loaded and balanced are 1 or 0 ]]
local meta, records, due, outbox = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local total, available, reserved, ordered, sold, seq, epoch, state, boot = unpack(redis.call('HMGET', meta,
  'total', 'available', 'reserved', 'ordered', 'sold', 'seq', 'epoch', 'state', 'boot'))
local loaded = (state and boot and total) and 1 or 0
local function count(text) return tonumber(text or '0') or -1 end
local a, h, o, s, t = count(available), count(reserved), count(ordered), count(sold), count(total)
local balanced = (loaded == 1 and a >= 0 and h >= 0 and o >= 0 and s >= 0 and a + h + o + s == t) and 1 or 0
return { loaded, balanced, t, a, h, o, s, count(seq), redis.call('HLEN', records), redis.call('ZCARD', due),
  redis.call('XLEN', outbox), count(epoch), state or '', boot or '' }
