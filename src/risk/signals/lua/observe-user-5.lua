#!lua
--[[ observe-user-5: what observe-n does for the user alone: on a Cluster his address and his device have
     servers of their own.
     KEYS  user, userDevices, expired, cancelled, userHolds     (one slot: that of the user)
     ARGV  counts (1, or 0 to claim only), deviceMark ('' without a device), rid, currency, holdMs,
           holdsAtMost (0: no cap)
     Reply {hold, now, usual amount, attempts a minute, an hour, purchases a minute, an hour, boughtAt,
            devices, isKept (1: this device is among them, or 0), expired, cancelled}
            hold  0 nothing claimed · 1 claimed · -1 too many
            only {-8}: bad argument ]]
-- @include window
-- @include marks
-- @include user
-- @include hold
local user, userDevices, expired, cancelled, userHolds = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local counts, deviceMark, rid, currency, holdMs, holdsAtMost =
  ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5], ARGV[6]

local function is_count(text) return #text <= 9 and string.match(text, '^%d+$') ~= nil end
if #ARGV ~= 6 or (counts ~= '0' and counts ~= '1') or rid == '' or currency == ''
  or not is_count(holdMs) or not is_count(holdsAtMost) then
  return { -8 }
end
holdsAtMost = tonumber(holdsAtMost)

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local known = known_of(user, currency)
local withUser = deviceMark ~= '' and tonumber(redis.call('ZSCORE', userDevices, deviceMark)) or 0
local expiredCount, cancelledCount = ends_of(expired, cancelled, now)
local claim = claim_of(userHolds, rid, holdsAtMost, now, hold_end(now, holdMs))
redis.call('ZCARD', userDevices) -- a key of the wrong type must fail here, before the first write

-- From here on nothing may fail: Redis does not roll a script back.
local devices, isKept = 0, false
if counts == '1' then
  count_attempt(user, known, now)
  if deviceMark ~= '' then
    devices = count_with(userDevices, deviceMark, withUser, DEVICES, now)
    isKept = withUser > 0 or redis.call('ZSCORE', userDevices, deviceMark)
  else
    devices = redis.call('ZCARD', userDevices)
  end
end
local hold = claim == -1 and -1 or claim and 1 or 0
if hold == 1 then write_claim(userHolds, rid, claim, holdsAtMost, now) end
return { hold, now, known[6], known[1], known[2], known[3], known[4], known[5],
  devices, isKept and 1 or 0, expiredCount, cancelledCount }
