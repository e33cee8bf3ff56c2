--[[ sold-out: while nothing is on sale, processes may refuse from memory whoever has no record in the sale.
     `reopens` in meta is until when, in milliseconds since 1970 by the clock of Redis: units that come back
     meanwhile are sold from then on, so that nobody holds units of whom such a process does not know. ]]
local MEMORY_LEASE = 250

-- Whether nothing is sold yet, but to a buyer who has this rid: every such process knows him.
-- No lease is longer than that: after the clock was set back, the sale must not stay shut for hours. Both
-- times are cut to milliseconds, so the last one counts.
local function is_shut(reopens, now, records, earlier)
  local left = (tonumber(reopens) or 0) - now
  if left < 0 or left > MEMORY_LEASE then return false end
  return earlier == '' or redis.call('HEXISTS', records, earlier) == 0
end
