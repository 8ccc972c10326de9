-- whole: an argument that must be a whole number of 64 bits, or an error that names it.
--
--   whole("10", "size")          -> 10    whole("1.5", "size") -> error: size is not a whole number
--   whole("0", "size", 1)        -> error: size is below 1
--
-- Required by types; it is no type itself.

local number = require("number")

local function whole(value, name, low, high)
  local result = number(value, name, low, high)
  if math.type(result) ~= "integer" then error(name .. " is not a whole number", 0) end
  return result
end

return whole
