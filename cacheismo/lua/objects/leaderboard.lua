-- leaderboard: members ordered by score, highest first.
--
--   self.root, self.nodes    a tree (ranking.lua) of members, scores and positions
--
--  1. Position 1 has the highest score; equal scores go by the members' bytes.
--  2. Scores are floats of 64 bits: whole ones are exact up to 2^53.
--  3. A leaderboard without members takes no memory.
--
-- Cost: O(log n) each, plus what is listed. A member takes about 20 bytes and three times its name.

local arguments = require("arguments")
local ranking = require("ranking")

local leaderboard = object.type("leaderboard", { version = 1 })

local member_bytes_max = 200
local list_max = 1000

function leaderboard.default() return { root = "", nodes = {} } end

local function checked(member) return arguments.text(member, "member", 1, member_bytes_max) end

local function place(self, member, score)
  local nodes, root = self.nodes, self.root
  if ranking.score(nodes, member) then root = ranking.erase(nodes, root, member) end
  self.root = ranking.insert(nodes, root, member, score)
end

local function listed(self, first, last)
  local lines = {}
  ranking.list(self.nodes, self.root, first, last, function(position, score, member)
    lines[#lines + 1] = position .. " " .. score .. " " .. member .. "\r\n"
  end)
  return table.concat(lines)
end

local function position(self, member)
  local nodes = self.nodes
  return nodes[checked(member)] and ranking.position(nodes, self.root, member)
end

function leaderboard.update.add(self, member, score)
  place(self, checked(member), arguments.number(score, "score"))
  return "SUCCESS"
end

function leaderboard.update.incr(self, member, by)
  by = arguments.number(by or 1, "amount")
  local old = ranking.score(self.nodes, checked(member)) or 0
  local score = arguments.number(old + 0.0 + by, "the new score")
  place(self, member, score)
  return score
end

function leaderboard.read.score(self, member)
  return ranking.score(self.nodes, checked(member))
end

function leaderboard.read.rank(self, member) return position(self, member) end

function leaderboard.read.top(self, count)
  return listed(self, 1, arguments.whole(count or 10, "count", 1, list_max))
end

function leaderboard.read.around(self, member, count)
  count = arguments.whole(count or 5, "count", 0, list_max)
  local at = position(self, member)
  return at and listed(self, at - count, at + count)
end

function leaderboard.update.remove(self, member)
  local nodes = self.nodes
  if not nodes[checked(member)] then return "NOT_FOUND" end
  local root = ranking.erase(nodes, self.root, member)
  self.root = root
  if root == "" then self:delete() end
  return "SUCCESS"
end

function leaderboard.read.count(self) return ranking.size(self.nodes, self.root) end
