#!lua flags=allow-oom
--[[ release-hold-n: an attempt came to nothing: gives back the places that it claimed, unless another
     attempt with the same rid relies on them.
     KEYS  userHolds, deviceHolds                                (without a device the last is missing)
     ARGV  rid
     Reply 1 released · -8 bad argument ]]
-- @include hold
local userHolds, deviceHolds = KEYS[1], KEYS[2]
local rid = ARGV[1]
if #ARGV ~= 1 or #KEYS < 1 or #KEYS > 2 or rid == '' then return -8 end
local places = { [userHolds] = place_of(userHolds, rid) }
if deviceHolds then places[deviceHolds] = place_of(deviceHolds, rid) end

-- From here on nothing may fail: Redis does not roll a script back.
for holds, place in pairs(places) do
  local claims = place % 1000
  if claims == 1 then redis.call('ZREM', holds, rid)
  elseif claims ~= HELD then redis.call('ZADD', holds, place - 1, rid) end
end
return 1
