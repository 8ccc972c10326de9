string.rep = nil ('').x = 1 _G.string = 1 setmetatable(_G, {}) rawset(_G, 'a', 1)
