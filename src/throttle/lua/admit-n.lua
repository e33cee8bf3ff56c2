#!lua
--[[ admit-n: lets one request through all limits of its identities and counts it in each, or in none.
     KEYS  logs and buckets, one for each identity                                     (any slots)
           log: a list of the microseconds at which its last requests were let through, newest first
           bucket: a text `<requests it still lets through> <microseconds of the last one>`
     ARGV  for each key, in sequence: of a log the number of its windows, then limit and seconds of each;
           of a bucket 0, then requests a second, which is also what it holds
     Reply {} let through · {key, window, wait, …} the keys that refuse, each with the window that
           refuses longest (both counted from 0) and the microseconds until it lets through
           {-8} bad argument ]]
local second = 1000000
local time = redis.call('TIME')
local now = time[1] * second + time[2]
local refusals, keeps, lives, buckets = {}, {}, {}, {}
local at = 1

-- Only such numbers are used, however they were written: 'nan' is in no range.
local function count(text)
  local number = tonumber(text)
  return number and number >= 1 and number <= 9999999 and number % 1 == 0 and number
end

local function refuse(place, window, wait)
  local length = #refusals
  refusals[length + 1], refusals[length + 2], refusals[length + 3] = place - 1, window, math.ceil(wait)
end

for place, key in ipairs(KEYS) do
  if ARGV[at] == '0' then
    local rate = count(ARGV[at + 1])
    if not rate then return { -8 } end
    local left, since = string.match(redis.call('GET', key) or '', '^(%S+) (%d+)$')
    -- A distance, not an age: after the clock was set back, the past must not lie ahead for hours.
    left = left and math.min(rate, left + math.abs(now - since) * rate / second) or rate
    if left < 1 then refuse(place, 0, (1 - left) * second / rate) end
    buckets[place], at = left - 1, at + 2
  else
    local windows = count(ARGV[at])
    if not windows then return { -8 } end
    local keep, life, missing, refusing, longest = 0, 0, math.huge, 0, 0
    for window = 0, windows - 1 do
      local limit, seconds = count(ARGV[at + 1]), count(ARGV[at + 2])
      if not limit or not seconds then return { -8 } end
      -- The last but `limit` to be let through: when within the window, then the window is full.
      local earlier = limit < missing and redis.call('LINDEX', key, limit - 1)
      if not earlier then
        missing = math.min(missing, limit)
      elseif math.abs(now - earlier) < seconds * second then
        local wait = seconds * second - (now - earlier)
        if wait > longest then refusing, longest = window, wait end
      end
      keep, life, at = math.max(keep, limit), math.max(life, seconds), at + 2
    end
    if longest > 0 then refuse(place, refusing, longest) end
    keeps[place], lives[place], at = keep, life, at + 1
  end
end
if #KEYS == 0 or at ~= #ARGV + 1 then return { -8 } end
if #refusals > 0 then return refusals end

-- From here on nothing may fail: Redis does not roll a script back.
local stamp = string.format('%.0f', now)
for place, key in ipairs(KEYS) do
  local keep = keeps[place]
  if keep then
    if redis.call('LPUSH', key, stamp) > keep then redis.call('LTRIM', key, 0, keep - 1) end
    redis.call('EXPIRE', key, lives[place] + 1)
  else
    redis.call('SET', key, string.format('%.6f %s', buckets[place], stamp), 'EX', 2)
  end
end
return {}
