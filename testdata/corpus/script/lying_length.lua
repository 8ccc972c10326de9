local t = setmetatable({}, {__len = function() return math.maxinteger end})
table.insert(t, 1, 1) return table.concat(t)
