#!lua
--[[ claim-hold-1: claims a place among the unpaid orders of a device; observe-n does it with all else,
     where there is no Cluster.
     KEYS  holds                                                (of that device)
     ARGV  rid, holdMs, holdsAtMost (0: no cap)
     Reply 0 nothing claimed · 1 claimed · -1 too many · -8 bad argument ]]
-- @include hold
local holds = KEYS[1]
local rid, holdMs, holdsAtMost = ARGV[1], ARGV[2], ARGV[3]
local function is_count(text) return #text <= 9 and string.match(text, '^%d+$') ~= nil end
if #ARGV ~= 3 or rid == '' or not is_count(holdMs) or not is_count(holdsAtMost) then return -8 end
holdsAtMost = tonumber(holdsAtMost)
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local claim = claim_of(holds, rid, holdsAtMost, now, hold_end(now, holdMs))
if claim == -1 then return -1 end

-- From here on nothing may fail: Redis does not roll a script back.
if claim then write_claim(holds, rid, claim, holdsAtMost, now) end
return claim and 1 or 0
