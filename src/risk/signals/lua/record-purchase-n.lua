#!lua
--[[ record-purchase-n: an attempt has held units: counts it as a purchase, and keeps the places that
     it claimed until the order is decided.
     KEYS  user, userHolds, deviceHolds                          (without a device the last is missing)
     ARGV  counts (1, or 0 to keep places only), rid, currency, amount (minor units)
     Reply 1 recorded · -8 bad argument ]]
-- @include window
-- @include hold
local user, userHolds, deviceHolds = KEYS[1], KEYS[2], KEYS[3]
local counts, rid, currency, amount = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if #ARGV ~= 4 or #KEYS < 2 or #KEYS > 3 or (counts ~= '0' and counts ~= '1') or rid == ''
  or currency == '' or #amount > 15 or not string.match(amount, '^%d+$') then return -8 end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = redis.call('HMGET', user, 'pm', 'ph', 'usual:' .. currency)
local places = { [userHolds] = place_of(userHolds, rid) }
if deviceHolds then places[deviceHolds] = place_of(deviceHolds, rid) end

-- From here on nothing may fail: Redis does not roll a script back.
if counts == '1' then
  -- What is usual follows the latest purchases: each weighs a quarter.
  local usual = ((tonumber(known[3]) or tonumber(amount)) * 3 + amount) / 4
  redis.call('HSET', user, 'pm', with_one_more(known[1], MINUTE, now),
    'ph', with_one_more(known[2], HOUR, now), 'bought', string.format('%.0f', now),
    'usual:' .. currency, string.format('%.2f', usual))
  forget_later(user, now, now)
end
-- Where there is no place any more the order was decided already.
for holds, place in pairs(places) do
  redis.call('ZADD', holds, place - place % 1000 + HELD, rid)
end
return 1
