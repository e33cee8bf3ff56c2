#!lua flags=allow-oom
--[[ acknowledge-outbox-1: the queue has these entries; they leave the outbox. Where no relay still has an
     older one, together with all that is as old, which costs a fifth of deleting each.
     KEYS  outbox                                               (one slot: {saleId})
     ARGV  group, ids, the oldest first
     Reply how many of them the group still had on its list · -8 bad argument ]]
local outbox = KEYS[1]
local group, last = ARGV[1], ARGV[#ARGV]
if #ARGV < 2 then return -8 end
for i = 2, #ARGV do
  if not string.match(ARGV[i], '^%d+%-%d+$') then return -8 end
end

-- Whether one id is older than the other: both are milliseconds and a number, and no texts to compare.
local function is_older(one, other)
  local ms, number = string.match(one, '^(%d+)%-(%d+)$')
  local otherMs, otherNumber = string.match(other, '^(%d+)%-(%d+)$')
  if ms ~= otherMs then return tonumber(ms) < tonumber(otherMs) end
  return tonumber(number) < tonumber(otherNumber)
end
redis.call('XLEN', outbox) -- a key of the wrong type must fail here, before the first write

-- From here on nothing may fail: Redis does not roll a script back.
local acknowledged, isAll = 0, false
for i = 2, #ARGV, 1000 do -- unpack takes no more than some thousand
  acknowledged = acknowledged
    + redis.call('XACK', outbox, group, unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
-- Entries that the group has given out, all of them, and in their sequence: what is older was, too.
if acknowledged == #ARGV - 1 then
  local pending = redis.pcall('XPENDING', outbox, group) -- an older list of what we may do lacks it
  isAll = not pending.err and (not pending[2] or is_older(last, pending[2]))
end
if isAll then redis.call('XTRIM', outbox, 'MINID', '=', last) end
for i = isAll and #ARGV or 2, #ARGV, 1000 do
  redis.call('XDEL', outbox, unpack(ARGV, i, math.min(i + 999, #ARGV)))
end
return acknowledged
