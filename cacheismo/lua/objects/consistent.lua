-- consistent: a ring of servers; a key belongs to the first server at or behind its place.
--
--        0 ----*---*------*-----*---*---- 2^32      * a point: place -> number of its server
--              2   1      2     1   2
--
--   self.points    place -> number       self.numbers   server -> number
--   self.servers   number -> server      self.down      number -> true, while it is not available
--
--  1. Every server has 160 points, whose places depend on its name alone (a place that two servers
--     want goes to the one that came first). Whoever comes or goes moves only its own share.
--  2. A server that is not available keeps its points; its keys go to those behind.
--
-- Cost: O(log n) to find a server, 160 entries to add or remove one.

local arguments = require("arguments")
local hash = require("hash")

local consistent = object.type("consistent", { version = 1 })

local servers_max = 100
local name_bytes_max = 200
local hashes_per_server = 80 -- each gives two points

local function each_place(server, visit)
  for turn = 1, hashes_per_server do
    local bits = hash(server .. "-" .. turn)
    visit(bits >> 32)
    visit(bits & 0xFFFFFFFF)
  end
end

-- `ring` is an object, or the table that becomes one.
local function add(ring, server)
  arguments.text(server, "server", 1, name_bytes_max)
  if ring.numbers[server] then return end
  if ring.count == servers_max then error("a ring has at most " .. servers_max .. " servers", 0) end
  local number = ring.last + 1
  ring.last = number
  ring.count = ring.count + 1
  ring.numbers[server] = number
  ring.servers[number] = server
  local points = ring.points
  each_place(server, function(place)
    if not points[place] then points[place] = number end
  end)
end

local function number_of(self, server)
  return self.numbers[arguments.text(server, "server", 1, name_bytes_max)]
end

function consistent.new(list)
  local ring = { count = 0, last = 0, down_count = 0,
                 points = {}, numbers = {}, servers = {}, down = {} }
  arguments.text(list, "list of servers", 1)
  for server in list:gmatch("[^, \t]+") do add(ring, server) end
  if ring.count == 0 then return nil end
  return ring
end

function consistent.update.add(self, server)
  add(self, server)
  return "SUCCESS"
end

function consistent.update.remove(self, server)
  local number = number_of(self, server)
  if not number then return "NOT_FOUND" end
  local points = self.points
  each_place(server, function(place)
    if points[place] == number then points[place] = nil end
  end)
  if self.down[number] then
    self.down[number] = nil
    self.down_count = self.down_count - 1
  end
  self.numbers[server] = nil
  self.servers[number] = nil
  self.count = self.count - 1
  return "SUCCESS"
end

function consistent.read.getserver(self, key)
  local place = hash(arguments.text(key, "key", 0)) >> 32
  if self.count == self.down_count then return "NOT_FOUND" end
  local down = self.down
  local after, points = pairs(self.points)
  local at, number = after(points, place - 1)
  while not at or down[number] do at, number = after(points, at) end
  return self.servers[number]
end

function consistent.read.count(self) return self.count end

function consistent.read.isavailable(self, server)
  local number = number_of(self, server)
  return number and not self.down[number] and 1 or 0
end

function consistent.update.setavailable(self, server, available)
  if available ~= "0" and available ~= "1" then error("available is neither 0 nor 1", 0) end
  local number = number_of(self, server)
  if not number then return "NOT_FOUND" end
  local down = available == "0" or nil
  if self.down[number] ~= down then
    self.down[number] = down
    self.down_count = self.down_count + (down and 1 or -1)
  end
  return "SUCCESS"
end
