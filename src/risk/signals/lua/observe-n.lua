#!lua
--[[ observe-n: counts one attempt to buy, claims its place among the unpaid orders of its user and
     device, and replies what is known of them.
     KEYS  user, ipUsers, userDevices, expired, cancelled, userHolds, deviceUsers, deviceHolds
           (without a device the last two are missing)
     ARGV  counts (1, or 0 to claim only), userMark, deviceMark ('' without a device), rid, currency,
           holdMs, userHoldsAtMost, deviceHoldsAtMost (0: no cap)
     Reply {hold, now, usual amount, attempts a minute, an hour, purchases a minute, an hour, boughtAt,
            users of the IP, devices of the user, users of the device, expired, cancelled}
            hold  0 nothing claimed · 1 claimed · -1 too many of the user · -2 of the device
            only {-8}: bad argument ]]
-- @include window
-- @include marks
-- @include user
-- @include hold
local user, ipUsers, userDevices, expired, cancelled = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local userHolds, deviceUsers, deviceHolds = KEYS[6], KEYS[7], KEYS[8]
local counts, userMark, deviceMark, rid, currency = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local holdMs, userHoldsAtMost, deviceHoldsAtMost = ARGV[6], ARGV[7], ARGV[8]

local function is_count(text) return #text <= 9 and string.match(text, '^%d+$') ~= nil end
local hasDevice = #KEYS == 8
if #ARGV ~= 8 or #KEYS ~= (hasDevice and 8 or 6) or hasDevice ~= (deviceMark ~= '')
  or (counts ~= '0' and counts ~= '1') or userMark == '' or rid == '' or currency == ''
  or not is_count(holdMs) or not is_count(userHoldsAtMost) or not is_count(deviceHoldsAtMost) then
  return { -8 }
end
userHoldsAtMost, deviceHoldsAtMost = tonumber(userHoldsAtMost), tonumber(deviceHoldsAtMost)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = known_of(user, currency)
local onIp = tonumber(redis.call('ZSCORE', ipUsers, userMark)) or 0
local withUser, onDevice = 0, 0
if hasDevice then
  withUser = tonumber(redis.call('ZSCORE', userDevices, deviceMark)) or 0
  onDevice = tonumber(redis.call('ZSCORE', deviceUsers, userMark)) or 0
end
local expiredCount, cancelledCount = ends_of(expired, cancelled, now)
local endsAt = hold_end(now, holdMs)
local ofUser = claim_of(userHolds, rid, userHoldsAtMost, now, endsAt)
local ofDevice = hasDevice and claim_of(deviceHolds, rid, deviceHoldsAtMost, now, endsAt) or nil
local hold = ofUser == -1 and -1 or ofDevice == -1 and -2 or (ofUser or ofDevice) and 1 or 0
redis.call('ZCARD', userDevices) -- a key of the wrong type must fail here, before the first write

-- From here on nothing may fail: Redis does not roll a script back.
local users, devices, usersOfDevice = 0, 0, 0
if counts == '1' then
  count_attempt(user, known, now)
  users = count_with(ipUsers, userMark, onIp, USERS, now)
  if hasDevice then
    devices = count_with(userDevices, deviceMark, withUser, DEVICES, now)
    -- Made-up devices must not fill the memory: one that its user's set has no room for leaves no
    -- trace of its own.
    local isKept = withUser > 0 or redis.call('ZSCORE', userDevices, deviceMark)
    usersOfDevice = isKept and count_with(deviceUsers, userMark, onDevice, USERS, now) or 1
  else
    devices = redis.call('ZCARD', userDevices)
  end
end
if hold == 1 then
  if ofUser then write_claim(userHolds, rid, ofUser, userHoldsAtMost, now) end
  if ofDevice then write_claim(deviceHolds, rid, ofDevice, deviceHoldsAtMost, now) end
end
return { hold, now, known[6], known[1], known[2], known[3], known[4], known[5],
  users, devices, usersOfDevice, expiredCount, cancelledCount }
