-- arguments: what clients send, checked; a value that will not do is an error that names it.
--
--   number("1e3", "limit")      -> 1000   number("x", "limit")    -> error: limit is not a number
--   number("-1", "limit", 0)    -> error: limit is below 0
--   whole("16", "size", 1, 99)  -> 16     whole("1.5", "size")    -> error: ... not a whole number
--   text("a", "member", 1)      -> "a"    text(nil, "member", 1)  -> error: member is missing
--
--  1. Only decimal numbers count: no hexadecimal, no blanks, no infinity, no NaN.
--  2. A number that has an integer's value is returned as an integer.
--
-- Required by types, yours too; it is no type itself.

local decimal, integer, error = decimal, integer, error

local arguments = {}

local function number(value, name, low, high)
  if value == nil then error(name .. " is missing", 0) end
  local result = decimal(value)
  if not result then error(name .. " is not a number", 0) end
  if low and result < low then error(name .. " is below " .. low, 0) end
  if high and result > high then error(name .. " is above " .. high, 0) end
  return result
end

arguments.number = number

-- An integer of 64 bits.
function arguments.whole(value, name, low, high)
  local result = integer(value)
  if result and (not low or result >= low) and (not high or result <= high) then return result end
  number(value, name, low, high) -- may know better what is wrong
  error(name .. " is not a whole number", 0)
end

function arguments.text(value, name, bytes_min, bytes_max)
  if value == nil then error(name .. " is missing", 0) end
  if #value < bytes_min then error(name .. " is empty", 0) end
  if bytes_max and #value > bytes_max then
    error(name .. " has more than " .. bytes_max .. " bytes", 0)
  end
  return value
end

return arguments
