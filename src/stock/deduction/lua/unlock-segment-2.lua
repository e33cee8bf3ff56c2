#!lua
--[[ unlock-segment-2: gives up the locks that this holder still has.
     KEYS  buyer, segment                                       (one slot: {saleId})
     ARGV  holder
     Reply how many he still had ]]
local held = 0
for _, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[1] then
    held = held + redis.call('UNLINK', key)
  end
end
return held
