#!lua flags=allow-oom
--[[ take-outbox-1: new entries of the outbox for one relay, as XREADGROUP takes them, in one text: a
     client needs ten times as long to read them one string after the other.
     KEYS  outbox                                               (one slot: {saleId})
     ARGV  group, consumer, count (at most so many)
     Reply JSON of what XREADGROUP says about one stream: a list of id and list of fields · '' none ]]
local outbox = KEYS[1]
local group, consumer, count = ARGV[1], ARGV[2], ARGV[3]

-- From here on nothing may fail: Redis does not roll a script back.
-- But for the first write: an outbox of the wrong type or without the group fails by itself.
local reply = redis.call('XREADGROUP', 'GROUP', group, consumer, 'COUNT', count, 'STREAMS', outbox, '>')
return reply and cjson.encode(reply[1][2]) or ''
