#!lua
--[[ sold-out-1: nothing is on sale, and nothing will be sold for MEMORY_LEASE from now: so long may the
     caller, counting from before he asked, refuse whoever has no record in this sale.
     KEYS  meta                                                 (one slot: {saleId})
     ARGV  boot, epoch, seqAtMost (a sale with more reservations cannot be known by heart)
     Reply {leaseMs, seq, total}: records with a later seq are not there yet, and units that an operator or
           another segment adds or takes change the total
           · {0, 0}, and nothing is promised: not sold out, not open, over before the lease, too large,
           another boot or epoch, not readable
           · {-8, 0} bad argument ]]
-- @include record
-- @include sold-out
local meta = KEYS[1]
local boot, epoch, seqAtMost = ARGV[1], ARGV[2], ARGV[3]
if #ARGV ~= 3 or boot == '' or not is_count(epoch) or not is_count(seqAtMost) then return { -8, 0 } end
local state, metaBoot, metaEpoch, available, opens, closes, seq, total = unpack(redis.call('HMGET', meta,
  'state', 'boot', 'epoch', 'available', 'opens', 'closes', 'seq', 'total'))
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if state ~= 'open' or metaBoot ~= boot or metaEpoch ~= epoch or available ~= '0'
  or not is_count(opens) or not is_count(closes) or not is_count(seq)
  or not is_count(total) or tonumber(seq) > tonumber(seqAtMost)
  or now < tonumber(opens) or now + MEMORY_LEASE >= tonumber(closes) then
  return { 0, 0 }
end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('HSET', meta, 'reopens', string.format('%.0f', now + MEMORY_LEASE))
return { MEMORY_LEASE, tonumber(seq), tonumber(total) }
