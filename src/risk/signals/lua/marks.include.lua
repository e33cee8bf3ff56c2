--[[ marks: who was seen with whom in a day, as a sorted set of short marks by the last time. Once a
     set is full its size stands for "that many or more": it takes nobody in until somebody leaves. ]]
local DAY, HOUR = 86400000, 3600000
local USERS, DEVICES = 100, 20 -- the most that a set of them takes in

-- Notes a mark that was last seen then, or is new, and returns how many there are. What is noted
-- already is noted anew only after an hour, and what is over a day old leaves only then.
local function count_with(set, mark, seen, atMost, now)
  if seen > now - HOUR then return redis.call('ZCARD', set) end
  redis.call('ZREMRANGEBYSCORE', set, '-inf', string.format('(%.0f', now - DAY))
  local count = redis.call('ZCARD', set)
  if seen <= now - DAY then
    if count >= atMost then return count end
    count = count + 1
  end
  redis.call('ZADD', set, now, mark)
  redis.call('PEXPIRE', set, DAY)
  return count
end
