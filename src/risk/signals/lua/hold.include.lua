--[[ hold: the unpaid orders of a user or a device until they have surely ended: a sorted set of rids.
     A score is that moment in whole seconds, as milliseconds; its last three digits count the
     attempts that rely on the place, so that one which fails does not give away the place of another
     which succeeds: 999 when units are held. ]]
local HELD = 999

local function place_of(holds, rid) return tonumber(redis.call('ZSCORE', holds, rid)) end

-- When a place that is claimed now ends.
local function hold_end(now, holdMs) return (math.floor(now / 1000) + math.ceil(holdMs / 1000)) * 1000 end

-- The score to write for a claim, nil when the place needs none, -1 when there is no place left.
local function claim_of(holds, rid, atMost, now, endsAt)
  if atMost == 0 then return nil end
  local place = place_of(holds, rid) or 0
  if place > now then return place % 1000 < HELD - 1 and place + 1 or nil end
  local isFull = redis.call('ZCARD', holds) >= atMost
    and redis.call('ZCOUNT', holds, string.format('(%.0f', now), '+inf') >= atMost
  return isFull and -1 or endsAt + 1
end

local function write_claim(holds, rid, claim, atMost, now)
  if redis.call('ZCARD', holds) >= atMost then redis.call('ZREMRANGEBYSCORE', holds, '-inf', now) end
  redis.call('ZADD', holds, string.format('%.0f', claim), rid)
  redis.call('PEXPIRE', holds, '691200000') -- 8 days, longer than the longest time to pay
end
