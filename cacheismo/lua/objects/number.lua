-- number: an argument that must be a number, or an error that names it.
--
--   number("10", "limit")        -> 10      number("x", "limit") -> error: limit is not a number
--   number("1e3", "limit")       -> 1000  number(nil, "limit") -> error: limit is missing
--   number("-1", "limit", 0)     -> error: limit is below 0
--
--  1. Only decimal numbers count: no hexadecimal, no blanks, no infinity, no NaN.
--  2. What has an integer's value is returned as an integer.
--
-- Required by types; it is no type itself.

local function number(value, name, low, high)
  if value == nil then error(name .. " is missing", 0) end
  local plain = math.type(value)
    or (#value <= 40 and value:find("^[-+]?[%d.]+[eE]?[-+]?%d*$"))
  local result = plain and tonumber(value)
  if not result or result ~= result or result == math.huge or result == -math.huge then
    error(name .. " is not a number", 0)
  end
  if low and result < low then error(name .. " is below " .. low, 0) end
  if high and result > high then error(name .. " is above " .. high, 0) end
  return math.tointeger(result) or result
end

return number
