#!lua flags=allow-oom
--[[ set-state-1: the operator pauses, resumes or closes a sale; recovery stops buying.
     Only a load leads out of `recovering` and `loading`: an operator's word waits for open-1.
     KEYS  meta                                                 (one slot: {saleId})
     ARGV  state: open · paused · closed · recovering
     Reply 1 set · 0 being recovered or loaded, nothing done · -8 bad argument · -9 not loaded ]]
local meta = KEYS[1]
local state = ARGV[1]
local states = { open = true, paused = true, closed = true, recovering = true }
if #ARGV ~= 1 or not states[state] then return -8 end
local current = redis.call('HGET', meta, 'state')
if not current then return -9 end
if state ~= 'recovering' and (current == 'recovering' or current == 'loading') then return 0 end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('HSET', meta, 'state', state)
return 1
