--[[ user: what is kept of one user: his attempts and purchases, and how his orders have ended. Needs
     window and marks. ]]

-- His four windows, the moment of his last purchase, what he usually spends.
local function known_of(user, currency)
  return redis.call('HMGET', user, 'am', 'ah', 'pm', 'ph', 'bought', 'usual:' .. currency)
end

-- How many of his orders have expired and how many were cancelled in a day.
local function ends_of(expired, cancelled, now)
  if redis.call('EXISTS', expired, cancelled) == 0 then return 0, 0 end
  local dayAgo = string.format('%.0f', now - DAY)
  return redis.call('ZCOUNT', expired, dayAgo, '+inf'), redis.call('ZCOUNT', cancelled, dayAgo, '+inf')
end

-- Counts an attempt, also in what is known.
local function count_attempt(user, known, now)
  local isNewHour
  known[1] = with_one_more(known[1], MINUTE, now)
  known[2], isNewHour = with_one_more(known[2], HOUR, now)
  redis.call('HSET', user, 'am', known[1], 'ah', known[2])
  if isNewHour then forget_later(user, known[5], now) end
end
