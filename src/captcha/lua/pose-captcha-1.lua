#!lua
--[[ pose-captcha-1: remembers a challenge of one user. What has expired goes; where too many
     would be open, those that would expire first go too.
     KEYS  challenges                                           (hash of one user: id → challenge)
     ARGV  id, expiresAtMs, riddle, openAtMost
     Reply 1 remembered · -8 bad argument ]]
local challenges = KEYS[1]
local id, expiresAtMs, riddle, openAtMost = ARGV[1], ARGV[2], ARGV[3], ARGV[4]
if #ARGV ~= 4 or id == '' or #id > 64 or #riddle > 1024 then return -8 end
if not string.match(expiresAtMs, '^%d+$') or #expiresAtMs > 15 then return -8 end
if not string.match(openAtMost, '^[1-9]%d?$') then return -8 end

local time = redis.call('TIME')
local nowMs = time[1] * 1000 + math.floor(time[2] / 1000)
local fields = redis.call('HGETALL', challenges)
local open, gone = {}, {}
for i = 1, #fields, 2 do
  local untilMs = tonumber(string.match(fields[i + 1], '^(%d+) ')) or 0
  if untilMs > nowMs then open[#open + 1] = { id = fields[i], untilMs = untilMs }
  else gone[#gone + 1] = fields[i] end
end
table.sort(open, function(a, b) return a.untilMs < b.untilMs end)
for i = 1, #open - openAtMost + 1 do gone[#gone + 1] = open[i].id end
local last = open[#open] and open[#open].untilMs or 0

-- From here on nothing may fail: Redis does not roll a script back.
if #gone > 0 then redis.call('HDEL', challenges, unpack(gone)) end
redis.call('HSET', challenges, id, expiresAtMs .. ' ' .. riddle)
redis.call('PEXPIREAT', challenges, math.max(last, tonumber(expiresAtMs)))
return 1
