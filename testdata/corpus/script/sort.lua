local t = {}
for i = 1, 50 do t[i] = math.random(100) end
table.sort(t, function(a, b) return true end)
