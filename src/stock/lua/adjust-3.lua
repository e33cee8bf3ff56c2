#!lua
--[[ adjust-3: changes the stock of a sale by a signed delta, once per id.
     KEYS  meta, adjustments, tokens                            (one slot: {saleId})
     ARGV  id, delta, boot, epoch
     Reply {code, available}
           1 applied · 2 applied before · -1 fewer units available than the decrease takes
           -7 fenced · -8 bad argument · -9 not loaded ]]
-- @include record
-- @include units
local meta, adjustments, tokens = KEYS[1], KEYS[2], KEYS[3]
local id, delta, boot, epoch = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if #ARGV ~= 4 or id == '' or #id > 255 or boot == '' or not is_count(epoch) then return { -8, 0 } end
if not string.match(delta, '^%-?[1-9]%d*$') or #delta > 13 then return { -8, 0 } end

local state, metaBoot, metaEpoch, available, total =
  unpack(redis.call('HMGET', meta, 'state', 'boot', 'epoch', 'available', 'total'))
if not state or not is_count(available) or not is_count(total) then return { -9, 0 } end
if metaBoot ~= boot or metaEpoch ~= epoch or state == 'loading' or state == 'recovering' then
  return { -7, 0 }
end
local strategy, is_movable = strategy_of(meta, tokens)
if not is_movable then return { -9, 0 } end
delta, available = tonumber(delta), tonumber(available)
if redis.call('HEXISTS', adjustments, id) == 1 then return { 2, available } end
if available + delta < 0 then return { -1, available } end
if total + delta > 999999999999999 then return { -8, 0 } end -- what is_count would read no more

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('HSET', adjustments, id, delta)
redis.call('HINCRBY', meta, 'total', delta)
return { 1, delta > 0 and give(meta, tokens, strategy, delta) or take(meta, tokens, strategy, -delta) }
