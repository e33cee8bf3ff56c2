#!lua
--[[ timeline-append: adds what buyers of one sale were answered to what is kept about them.
     KEYS  timeline                                             (one slot: {saleId})
     ARGV  expiresAtMs, linesAtMost, buyersAtMost, then for each buyer: userId, lines
     Reply 1 added, except for new buyers beyond buyersAtMost · -8 bad argument
     A line is at|span|count|available|outcome|quantity|rid, times in milliseconds. A buyer's lines
     stand in the order of their `at`, and neighbours that agree in all from outcome on are one.
     `left out`, which is no user id, counts what was not added.                                 ]]
local timeline = KEYS[1]
local expiresAt, linesAtMost, buyersAtMost = ARGV[1], ARGV[2], ARGV[3]
if #ARGV < 5 or #ARGV % 2 == 0 then return -8 end
for i = 1, 3 do
  if not string.match(ARGV[i], '^[1-9]%d*$') or #ARGV[i] > 15 then return -8 end
end

-- What other processes wrote in the meantime may be older or younger than these lines.
local function insert_lines(entries, lines)
  local fields = '(%d+)|(%d+)|(%d+)|(%d*)|([^\n]+)'
  for at, span, count, available, answer in string.gmatch(lines, fields) do
    local place = #entries
    at = tonumber(at)
    while place > 0 and entries[place].at > at do place = place - 1 end
    table.insert(entries, place + 1, { at = at, lastAt = at + span, count = tonumber(count),
      available = available, answer = answer })
  end
end

local function merge(kept, added)
  local headLines, lastLine = 0, 1
  for afterBreak in string.gmatch(kept, '\n()') do
    headLines, lastLine = headLines + 1, afterBreak
  end
  local head, entries = string.sub(kept, 1, lastLine - 1), {}
  insert_lines(entries, string.sub(kept, lastLine))
  local newest = entries[1]
  insert_lines(entries, added)
  -- Mostly nothing added is older than what is kept: then only its last line is taken apart.
  if entries[1] ~= newest then
    head, headLines, entries = '', 0, {}
    insert_lines(entries, kept)
    insert_lines(entries, added)
  end
  local lines = {}
  for i, entry in ipairs(entries) do
    local after = entries[i + 1]
    if after and after.answer == entry.answer then
      after.at, after.available = entry.at, entry.available
      after.count, after.lastAt = after.count + entry.count, math.max(after.lastAt, entry.lastAt)
    else
      lines[#lines + 1] = string.format('%.0f|%.0f|%.0f|%s|%s', entry.at, entry.lastAt - entry.at,
        entry.count, entry.available, entry.answer)
    end
  end
  local text, from = head .. table.concat(lines, '\n'), 1
  for _ = linesAtMost + 1, headLines + #lines do from = string.find(text, '\n', from, true) + 1 end
  return string.sub(text, from)
end

local changes, leftOut = {}, 0
local room = buyersAtMost - redis.call('HLEN', timeline)
for i = 4, #ARGV, 2 do
  local userId, lines = ARGV[i], ARGV[i + 1]
  local kept = redis.call('HGET', timeline, userId)
  if kept then
    changes[#changes + 1] = { userId, merge(kept, lines) }
  elseif room > 0 then
    changes[#changes + 1] = { userId, lines }
    room = room - 1
  else
    leftOut = leftOut + 1
  end
end

-- From here on nothing may fail: Redis does not roll a script back.
for _, change in ipairs(changes) do redis.call('HSET', timeline, change[1], change[2]) end
if leftOut > 0 then redis.call('HINCRBY', timeline, 'left out', leftOut) end
redis.call('PEXPIREAT', timeline, expiresAt)
return 1
