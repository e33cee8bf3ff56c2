--[[ record: one reservation as a line of text, shared by the scripts that include it.
     state|quantity|deadline|seq|epoch|reservedAt|requeues|fingerprint|userId
     State  R reserved · O ordered · S sold · C cancelled · E expired · J rejected · F frozen · B refunded
     and behind it, from the second on, the number of the hold: a thawed order takes its units again.
     Times are milliseconds since 1970 by the clock of Redis. userId comes last: it may hold a '|'. ]]
local RECORD = '^(%u%d*)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|(.*)$'

-- 'nan', '1e3', '0x10' and '-5' are numbers to Lua, '007' is none to HINCRBY, and above 15 digits
-- doubles lose units. A field that is missing in Redis comes as false.
local function is_count(text)
  return type(text) == 'string' and #text <= 15
    and (text == '0' or string.match(text, '^[1-9]%d*$') ~= nil)
end

-- Whether HINCRBY can count on these fields of the sale; false, too, for a sale that is not there.
local function has_counts(meta, ...)
  for _, text in ipairs(redis.call('HMGET', meta, ...)) do
    if not is_count(text) then return false end
  end
  return true
end

local function is_rid(text)
  return type(text) == 'string' and #text <= 64 and string.match(text, '^[%w_-]+$') ~= nil
end

-- The letter of a state and the number of its hold. Nil for a text that is neither.
local function split_state(text)
  local letter, hold = string.match(text, '^(%u)(%d?%d?%d?%d?%d?)$')
  return letter, tonumber(hold) or 1
end

-- Nil for a text that is no record. Numbers stay texts: concat would round those of 15 digits.
local function unpack_record(text)
  if not text then return nil end
  local stateText, quantity, deadline, seq, epoch, reservedAt, requeues, fingerprint, userId =
    string.match(text, RECORD)
  if not is_count(quantity) or not is_count(requeues) then return nil end
  local state, hold = split_state(stateText)
  if not state then return nil end
  return { state = state, hold = hold, quantity = quantity, deadline = deadline, seq = seq, epoch = epoch,
    reservedAt = reservedAt, requeues = requeues, fingerprint = fingerprint, userId = userId }
end

local function pack_record(r)
  local hold = (r.hold or 1) > 1 and r.hold or ''
  return table.concat({ r.state .. hold, r.quantity, r.deadline, r.seq, r.epoch, r.reservedAt, r.requeues,
    r.fingerprint, r.userId }, '|')
end
