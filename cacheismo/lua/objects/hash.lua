-- hash: 64 well mixed bits of a string; nearby strings get far values.
--
--   text --8 bytes at a time--> multiply, fold --> the rest, likewise --> final mix
--
--  1. Objects hold what this function gave: it never changes.
--
-- Not for secrets: whoever knows it finds strings that collide. Cost: one round per 8 bytes.
-- Required by types; it is no type itself.

-- Odd constants of Murmur3's and SplitMix64's final mix, whose every bit reaches every other.
local fold, mix_1, mix_2 = 0x9E3779B97F4A7C15, 0xFF51AFD7ED558CCD, 0xC4CEB9FE1A85EC53
local rest_layout = { "<I1", "<I2", "<I3", "<I4", "<I5", "<I6", "<I7" }

local function hash(text)
  local size = #text
  local bits = size * fold
  for at = 1, size - 7, 8 do
    bits = (bits ~ string.unpack("<i8", text, at)) * mix_1
    bits = bits ~ (bits >> 32)
  end
  local rest = size % 8
  if rest > 0 then
    bits = (bits ~ string.unpack(rest_layout[rest], text, size - rest + 1)) * mix_1
  end
  bits = (bits ~ (bits >> 33)) * mix_1
  bits = (bits ~ (bits >> 33)) * mix_2
  return bits ~ (bits >> 33)
end

return hash
