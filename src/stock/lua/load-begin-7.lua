#!lua
--[[ load-begin-7: starts to make the Redis side of a sale from its database rows. Nothing can be
     bought until open-1. The outbox is kept: what it still holds has been decided in the database.
     KEYS  meta, records, users, due, outbox, adjustments, tokens  (one slot: {saleId})
     ARGV  epoch, boot, total, seq, limit, opensMs, closesMs, group, strategy (as units.include.lua takes
           it), closer (the run that closed the sale), then ids of adjustments that `total` already contains
     Reply 1 begun · -7 a newer epoch is there, or another run has closed or opened it since
           -8 bad argument ]]
-- @include record
-- @include units
local meta, records, users, due, outbox, adjustments, tokens =
  KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local epoch, boot, total, seq = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local limit, opens, closes, group, strategy, closer = ARGV[5], ARGV[6], ARGV[7], ARGV[8], ARGV[9], ARGV[10]
if #ARGV < 10 or boot == '' or group == '' or not string.match(strategy, '^[%l-]+$')
  or not is_rid(closer) then
  return -8
end
for i = 1, 7 do
  if i ~= 2 and not is_count(ARGV[i]) then return -8 end
end
local metaEpoch, metaSeq, metaCloser, reopens =
  unpack(redis.call('HMGET', meta, 'epoch', 'seq', 'closer', 'reopens'))
if is_count(metaEpoch) and tonumber(metaEpoch) > tonumber(epoch) then return -7 end
-- What was sold since this run closed the sale, because another has opened it, must not be wiped.
if metaCloser ~= closer then return -7 end
-- Numbers given by this Redis and by the database are both used up.
if is_count(metaSeq) and tonumber(metaSeq) > tonumber(seq) then seq = metaSeq end
-- Fails before the first write when the key is of another type, and is a no-op when the group exists.
if redis.call('EXISTS', outbox) == 1 then redis.call('XLEN', outbox) end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('UNLINK', meta, records, users, due, adjustments, tokens)
redis.call('HSET', meta, 'state', 'loading', 'epoch', epoch, 'boot', '', 'opens', opens, 'closes', closes,
  'limit', limit, 'total', total, 'available', 0, 'reserved', 0, 'ordered', 0, 'sold', 0, 'seq', seq,
  'strategy', strategy, 'loader', boot, 'closer', closer)
-- Who refuses from memory, as sold-out-1 allowed, has yet to hear of this load.
if reopens then redis.call('HSET', meta, 'reopens', reopens) end
give(meta, tokens, strategy, total)
redis.pcall('XGROUP', 'CREATE', outbox, group, '0', 'MKSTREAM')
for i = 11, #ARGV do
  redis.call('HSET', adjustments, ARGV[i], 'loaded')
end
return 1
