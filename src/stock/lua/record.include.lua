--[[ record: one reservation as a line of text, shared by the scripts that include it.
     state|quantity|deadline|seq|epoch|reservedAt|requeues|fingerprint|userId
     State  R reserved · O ordered · S sold · C cancelled · E expired · J rejected · F frozen · B refunded
     Times are milliseconds since 1970 by the clock of Redis. userId comes last: it may hold a '|'. ]]
local RECORD = '^(%u)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|(%d+)|([^|]*)|(.*)$'

local function unpack_record(text)
  if not text then return nil end
  local state, quantity, deadline, seq, epoch, reservedAt, requeues, fingerprint, userId =
    string.match(text, RECORD)
  if not state then return nil end
  return { state = state, quantity = tonumber(quantity), deadline = deadline, seq = seq, epoch = epoch,
    reservedAt = reservedAt, requeues = tonumber(requeues), fingerprint = fingerprint, userId = userId }
end

local function pack_record(r)
  return table.concat({ r.state, r.quantity, r.deadline, r.seq, r.epoch, r.reservedAt, r.requeues,
    r.fingerprint, r.userId }, '|')
end

-- 'nan', '1e3', '0x10' and '-5' are numbers to Lua; above 15 digits doubles lose units.
local function is_count(text)
  return text ~= nil and #text <= 15 and string.match(text, '^%d+$') ~= nil
end

local function is_rid(text)
  return text ~= nil and #text <= 64 and string.match(text, '^[%w_-]+$') ~= nil
end
