--[[ window: about how many events the last minute or hour had, in bounded memory: the text
     `bucket current previous`, where buckets are whole minutes or hours since 1970. ]]
local MINUTE, HOUR = 60000, 3600000

-- The text after one more event, and whether it has begun a new bucket.
local function with_one_more(text, windowMs, now)
  local bucket = math.floor(now / windowMs)
  local known, current, previous = string.match(text or '', '^(%d+) (%d+) (%d+)$')
  local age = known and bucket - known or 2
  if age <= 0 then return string.format('%d %d %d', known, current + 1, previous), false end
  return string.format('%d 1 %d', bucket, age == 1 and current or 0), true
end

-- A user is forgotten when both hours are over, or 90 days after he has bought something.
local function forget_later(user, boughtAt, now)
  redis.call('PEXPIREAT', user, math.max(now + 2 * HOUR, (tonumber(boughtAt) or 0) + 2160 * HOUR))
end
