#!lua
--[[ count-user-1: notes that a user was seen at an address, or with a device; observe-n does it with all
     else, where there is no Cluster.
     KEYS  users                                                (of that address or device)
     ARGV  userMark
     Reply how many users were seen there in a day · -8 bad argument ]]
-- @include marks
local users = KEYS[1]
local userMark = ARGV[1]
if #ARGV ~= 1 or userMark == '' then return -8 end
local time = redis.call('TIME')
local seen = tonumber(redis.call('ZSCORE', users, userMark)) or 0

-- From here on nothing may fail: Redis does not roll a script back.
return count_with(users, userMark, seen, USERS, time[1] * 1000 + math.floor(time[2] / 1000))
