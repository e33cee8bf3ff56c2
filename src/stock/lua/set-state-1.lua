#!lua flags=allow-oom
--[[ set-state-1: the operator pauses, resumes or closes a sale; recovery stops buying.
     Only a load leads out of `recovering` and `loading`: an operator's word waits for open-1. A run of
     recovery leaves its name, also where there is no sale: no load but its own begins after it.
     KEYS  meta                                                 (one slot: {saleId})
     ARGV  state: open · paused · closed; or recovering and closer, the name of the run
     Reply 1 set · 0 being recovered or loaded, nothing done · -8 bad argument · -9 not loaded ]]
local meta = KEYS[1]
local state, closer = ARGV[1], ARGV[2]
local isRecovery = state == 'recovering' and #ARGV == 2 and closer ~= ''
local isWord = #ARGV == 1 and (state == 'open' or state == 'paused' or state == 'closed')
if not isRecovery and not isWord then return -8 end
local current = redis.call('HGET', meta, 'state')
if isWord and not current then return -9 end
if isWord and (current == 'recovering' or current == 'loading') then return 0 end

-- From here on nothing may fail: Redis does not roll a script back.
redis.call('HSET', meta, 'state', state)
if isRecovery then redis.call('HSET', meta, 'closer', closer) end
return 1
