-- original.lua: the helpers of the original script interface. An object is an ordinary item
-- "type$key" whose value is a marshalled table.

local never = 4294967295 -- getExpiryTime() of an item that does not expire

local function loadObject(key)
  local item = getHashMap():get(key)
  if item == nil then return nil end
  local object, expires = table.unmarshal(item:getData()), item:getExpiryTime()
  item:delete()
  return object, expires
end

-- `expires`: of the item that is replaced; what the script has asked for goes before it.
local function storeObject(command, key, object, expires)
  command:setKey(key)
  command:setData(table.marshal(object))
  if command:getExpiryTime() ~= 0 then expires = nil end
  local item = command:newCacheItem(expires)
  getHashMap():put(item)
  item:delete()
end

local function executeNew(command, originalKey, objectType, cacheKey, func, ...)
  local key = objectType .. "$" .. cacheKey
  getHashMap():delete(key)
  local object = func(...)
  if object == nil then return writeStringAsValue(command, originalKey, "NOT_CREATED") end
  storeObject(command, key, object, never)
  writeStringAsValue(command, originalKey, "CREATED")
end

local function executeReadOnly(command, originalKey, objectType, cacheKey, func, ...)
  local object = loadObject(objectType .. "$" .. cacheKey)
  if object == nil then return writeStringAsValue(command, originalKey, "ERROR_CACHE_MISS") end
  writeStringAsValue(command, originalKey, func(object, ...))
end

local function executeReadWrite(command, originalKey, objectType, cacheKey, func, ...)
  local key = objectType .. "$" .. cacheKey
  local object, expires = loadObject(key)
  if object == nil then return writeStringAsValue(command, originalKey, "ERROR_CACHE_MISS") end
  local result = func(object, ...)
  storeObject(command, key, object, expires)
  writeStringAsValue(command, originalKey, result)
end

return {
  executeNew = executeNew,
  executeReadOnly = executeReadOnly,
  executeReadWrite = executeReadWrite,
}
