"""Redis's side of the objects: each method as Lua that a Redis user would write.

One body serves both forms: a function of a library (FUNCTION LOAD, FCALL) and a script (SCRIPT
LOAD, EVALSHA). A state is Redis's own type for it: a hash for a map and a quota, a list for a
window, a string for a counter. Where cacheismo's type does more than a Redis user would ask for (a
put into a map that was never made, a counter's bounds), the Lua here does less.
"""

import hashlib

LIBRARY = "objects"

BODIES = {
    "map_get": """
return redis.call('HGET', KEYS[1], ARGV[1]) or 'NOT_FOUND'
""",
    "map_put": """
redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
return 'SUCCESS'
""",
    "counter_incr": """
return redis.call('INCRBY', KEYS[1], ARGV[1])
""",
    "quota_addandcheck": """
local quota = redis.call('HMGET', KEYS[1], 'limit', 'used', 'resets', 'period')
if not quota[1] then return 'ERROR_CACHE_MISS' end
local used, resets = tonumber(quota[2]), tonumber(quota[3])
local now = tonumber(redis.call('TIME')[1])
if now >= resets then
  local period = tonumber(quota[4])
  used = 0
  resets = resets + (math.floor((now - resets) / period) + 1) * period
  redis.call('HSET', KEYS[1], 'used', used, 'resets', resets)
end
used = used + tonumber(ARGV[1])
if used > tonumber(quota[1]) then return 'QUOTA_EXCEEDED' end
redis.call('HSET', KEYS[1], 'used', used)
return 'QUOTA_OK'
""",
    "window_add": """
redis.call('RPUSH', KEYS[1], ARGV[1])
redis.call('LTRIM', KEYS[1], -tonumber(ARGV[2]), -1)
return 'SUCCESS'
""",
}

FORMS = ("redis_fcall", "redis_evalsha")


def library():
    functions = [f"redis.register_function('{name}', function(KEYS, ARGV){body}end)\n"
                 for name, body in BODIES.items()]
    return f"#!lua name={LIBRARY}\n" + "".join(functions)


def digest(method):
    return hashlib.sha1(BODIES[method].encode()).hexdigest()


def call(form, method, arguments):
    """The command that calls a method; `arguments` start with the key."""
    word = f"FCALL {method}" if form == "redis_fcall" else f"EVALSHA {digest(method)}"
    return f"{word} 1 {arguments}"


def command(*words):
    """A command as bytes."""
    words = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word)
                                             for word in words)


def bulk(text):
    return b"$%d\r\n%s\r\n" % (len(text), text.encode())


def load_methods():
    """What makes both forms of every method callable: pairs of (command, its reply), as bytes."""
    yield command("FUNCTION", "LOAD", library()), bulk(LIBRARY)
    for method, body in BODIES.items():
        yield command("SCRIPT", "LOAD", body), bulk(digest(method))
