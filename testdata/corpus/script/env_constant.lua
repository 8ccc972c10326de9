local _ENV <const> = 'a' function f() return x end
