--[[ sold-out: while nothing is on sale, processes may refuse from memory whoever has no record in the sale.
     `reopens` in meta is until when, in milliseconds since 1970 by the clock of Redis: units that come back
     meanwhile are sold from then on, so that nobody holds units of whom such a process does not know. ]]
local MEMORY_LEASE = 250

-- No lease is longer than that: after the clock was set back, the sale must not stay shut for hours.
local function is_leased(reopens, now)
  local left = (tonumber(reopens) or 0) - now
  return left > 0 and left <= MEMORY_LEASE
end
