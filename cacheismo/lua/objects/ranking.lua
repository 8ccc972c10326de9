-- ranking: a tree of members in order, highest score first, that knows everybody's position.
--
--              carol 90           nodes: member -> size of the subtree, score, priority,
--             /        \                           member to the left ("": none), to the right
--       alice 100     bob 70
--
--  1. Left of a member are those that come before it: a higher score, or the same and a smaller
--     name.
--  2. A parent's priority is not below its children's. Priorities are drawn, so that the depth is
--     about 2 ln n, whatever the order of arrival.
--  3. A size counts the member and everything below it: positions are found going down once.
--
-- Every function takes the stored table `nodes` and the member on top, and returns the new one on
-- top where it changes something. Cost: O(log n) each, plus what is listed.
--
-- Required by types; it is no type itself.

local layout, layout_of_size = ">I4dI4s1s1", ">I4"

local function read(nodes, member)
  local size, score, priority, left, right = string.unpack(layout, nodes[member])
  return score, priority, left, right, size
end

local function size_of(nodes, member)
  return member == "" and 0 or (string.unpack(layout_of_size, nodes[member]))
end

local function write(nodes, member, score, priority, left, right)
  local size = size_of(nodes, left) + size_of(nodes, right) + 1
  nodes[member] = string.pack(layout, size, score, priority, left, right)
  return member
end

local function comes_before(score, member, than_score, than_member)
  return score > than_score or score == than_score and member < than_member
end

-- Two trees: what comes before (score, member), and the rest.
local function split(nodes, root, score, member)
  if root == "" then return "", "" end
  local s, p, left, right = read(nodes, root)
  if comes_before(s, root, score, member) then
    local before, behind = split(nodes, right, score, member)
    return write(nodes, root, s, p, left, before), behind
  end
  local before, behind = split(nodes, left, score, member)
  return before, write(nodes, root, s, p, behind, right)
end

-- One tree of two, all of `before` coming before all of `behind`.
local function join(nodes, before, behind)
  if before == "" then return behind end
  if behind == "" then return before end
  local s1, p1, left1, right1 = read(nodes, before)
  local s2, p2, left2, right2 = read(nodes, behind)
  if p1 > p2 then return write(nodes, before, s1, p1, left1, join(nodes, right1, behind)) end
  return write(nodes, behind, s2, p2, join(nodes, before, left2), right2)
end

local function insert(nodes, root, score, member, priority)
  if root == "" then return write(nodes, member, score, priority, "", "") end
  local s, p, left, right = read(nodes, root)
  if priority > p then
    return write(nodes, member, score, priority, split(nodes, root, score, member))
  end
  if comes_before(score, member, s, root) then
    return write(nodes, root, s, p, insert(nodes, left, score, member, priority), right)
  end
  return write(nodes, root, s, p, left, insert(nodes, right, score, member, priority))
end

local function erase(nodes, root, score, member)
  local s, p, left, right = read(nodes, root)
  if root == member then
    nodes[member] = nil
    return join(nodes, left, right)
  end
  if comes_before(score, member, s, root) then
    return write(nodes, root, s, p, erase(nodes, left, score, member), right)
  end
  return write(nodes, root, s, p, left, erase(nodes, right, score, member))
end

local ranking = {}

function ranking.score(nodes, member)
  if not nodes[member] then return nil end
  local score = read(nodes, member)
  return math.tointeger(score) or score
end

-- Requires that the member is not there yet, and has 1 to 200 bytes.
function ranking.insert(nodes, root, member, score)
  return insert(nodes, root, score + 0.0, member, math.random(0, 0xFFFFFFFF))
end

-- Requires that the member is there, as below.
function ranking.erase(nodes, root, member)
  return erase(nodes, root, (read(nodes, member)), member)
end

-- 1 for the first.
function ranking.position(nodes, root, member)
  local score, _, own_left = read(nodes, member)
  local at, passed = root, 0
  while at ~= member do
    local s, _, left, right = read(nodes, at)
    if comes_before(score, member, s, at) then
      at = left
    else
      passed = passed + size_of(nodes, left) + 1
      at = right
    end
  end
  return passed + size_of(nodes, own_left) + 1
end

ranking.size = size_of

-- Calls visit(position, score, member) for the positions from first to last. `passed` come before
-- all of them; leave it out.
function ranking.list(nodes, root, first, last, visit, passed)
  if root == "" then return end
  passed = passed or 0
  local score, _, left, right = read(nodes, root)
  local own = passed + size_of(nodes, left) + 1
  if first < own then ranking.list(nodes, left, first, last, visit, passed) end
  if first <= own and own <= last then visit(own, math.tointeger(score) or score, root) end
  if last > own then ranking.list(nodes, right, first, last, visit, own) end
end

return ranking
