--[[ units: how units leave what is on sale, and come back. Under the strategy `tokens` there is one
     token per unit in a list, under any other only the counter `available`; both change here alone. ]]

-- Whether the tokens tell another number than the counter, or none, being of another type: then nothing
-- may be moved until the sale is loaded anew.
local function tokens_differ(tokens, strategy, available)
  return strategy == 'tokens' and redis.pcall('LLEN', tokens) ~= tonumber(available)
end

-- The strategy of the sale, and whether its units can be moved. Needs a readable `available`.
local function strategy_of(meta, tokens)
  local strategy, available = unpack(redis.call('HMGET', meta, 'strategy', 'available'))
  return strategy, not tokens_differ(tokens, strategy, available)
end

-- Takes that many of `available` units off sale, and sets further fields of the sale in the same write.
-- Returns how many are left.
local function take_of(meta, tokens, strategy, available, units, ...)
  if strategy == 'tokens' then redis.call('LTRIM', tokens, units, -1) end -- LPOP without a long reply
  redis.call('HSET', meta, 'available', available - units, ...)
  return available - units
end

-- Takes that many units off sale; the caller has seen that they are there. Returns how many are left.
local function take(meta, tokens, strategy, units)
  if strategy == 'tokens' then redis.call('LTRIM', tokens, units, -1) end
  return redis.call('HINCRBY', meta, 'available', -units)
end

-- Puts that many units on sale. Returns how many there are.
local function give(meta, tokens, strategy, units)
  if strategy == 'tokens' then
    local piece = {}
    for i = 1, math.min(units, 1000) do piece[i] = 1 end -- unpack takes no more than some thousand
    for left = tonumber(units), 1, -1000 do
      redis.call('RPUSH', tokens, unpack(piece, 1, math.min(left, 1000)))
    end
  end
  return redis.call('HINCRBY', meta, 'available', units)
end
