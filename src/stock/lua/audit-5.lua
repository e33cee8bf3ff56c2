#!lua flags=no-writes
--[[ audit-5: the counters of a sale in one consistent look, and whether they add up (I2) and its tokens
     are as many as it has units on sale: none, unless its strategy is `tokens`.
     KEYS  meta, records, due, outbox, tokens                   (one slot: {saleId})
     ARGV  none
     Reply {loaded, balanced, total, available, reserved, ordered, sold, seq, records, due, outbox,
           epoch, state, boot}; loaded (every field is there and can be read) and balanced are 1 or 0;
           a count is 0 when it is missing, -1 when it is not an integer ]]
local meta, records, due, outbox, tokens = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local state, boot, strategy = unpack(redis.call('HMGET', meta, 'state', 'boot', 'strategy'))
local texts = redis.call('HMGET', meta, 'total', 'available', 'reserved', 'ordered', 'sold', 'seq', 'epoch',
  'limit', 'opens', 'closes')
local loaded, counts = (state and boot) and 1 or 0, {}
for i, text in ipairs(texts) do
  local isInteger = text and #text <= 16 and string.match(text, '^%-?%d+$')
  if not isInteger then loaded = 0 end
  counts[i] = isInteger and tonumber(text) or (text and -1 or 0)
end
local t, a, h, o, s, seq, epoch = unpack(counts)
local balanced = (loaded == 1 and a >= 0 and h >= 0 and o >= 0 and s >= 0 and a + h + o + s == t
  and redis.pcall('LLEN', tokens) == (strategy == 'tokens' and a or 0)) and 1 or 0
return { loaded, balanced, t, a, h, o, s, seq, redis.call('HLEN', records), redis.call('ZCARD', due),
  redis.call('XLEN', outbox), epoch, state or '', boot or '' }
