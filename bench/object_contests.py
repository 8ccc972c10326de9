"""Objects with methods beside Redis's scripts, and beside cacheismo's own plain items.

Each workload calls one method of small objects. Redis runs the same logic (redis_objects.py) in
both of its forms, a function (FCALL) and a script (EVALSHA); the cheaper form counts. The generator
knows the right answer of every call; a wrong one ends the run and is shown.
"""

import dataclasses
import socket
import typing

import contest
import redis_objects

MARKERS = "side_by_side objects"
FIELDS = 10
WINDOW = 100
VALUE_BYTES = 20
QUOTA = 1_000_000_000
FAR_S = 1 << 40  # a time that never comes
MONTH_S = 30 * 86400
OBJECT_MAX = ("--object-max", "64m")
DEPTHS = {"": ("one at a time", 1, 0.95), "16": ("pipelined 16 deep", 16, 0.6)}
VIRTUAL_MOST = 2.0
BIG_MAP_MOST = 3.0
ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY"


@dataclasses.dataclass(frozen=True)
class Method:
    name: str
    about: str
    call: str  # of cacheismo, as the generator's pattern
    answer: str
    redis_method: str
    redis_arguments: str
    redis_answer: str
    objects: typing.Callable  # (how many) -> cacheismo's pairs of (request, reply) that make them
    redis_objects: typing.Callable  # the same for Redis
    fields: int = 1


@dataclasses.dataclass(frozen=True)
class Beside:
    """Two ways of asking cacheismo: what one costs next to the other."""
    name: str
    about: str
    than: str
    most: float
    contestants: typing.Callable  # (setup) -> two Contestants


@dataclasses.dataclass
class Setup:
    cacheismo: contest.Server
    redis: contest.Server  # either None if it takes no part
    objects: int
    big_map: int


def value_of(number):
    """The generator's value of an id (bench/load/dataset.h)."""
    start = number % len(ALPHABET)
    return (ALPHABET * 2)[start:start + VALUE_BYTES]


def get(key, answer):
    """A call of cacheismo and its reply."""
    return (f"get {key}\r\n".encode(),
            f"VALUE {key} 0 {len(answer)}\r\n{answer}\r\nEND\r\n".encode())


def map_of(name, fields, first_id=0):
    yield get(f"map:new:{name}", "CREATED")
    for field in range(fields):
        yield get(f"map:put:{name}:f{field}:{value_of(first_id + field)}", "SUCCESS")


def maps(objects):
    for number in range(objects):
        yield from map_of(f"m{number}", FIELDS, number * FIELDS)


def redis_maps(objects):
    for number in range(objects):
        fields = [word for field in range(FIELDS)
                  for word in (f"f{field}", value_of(number * FIELDS + field))]
        yield redis_objects.command("HSET", f"m{number}", *fields), b":%d\r\n" % FIELDS


def no_objects(_):
    return ()


def quotas(objects):
    for number in range(objects):
        yield get(f"quota:new:q{number}:{QUOTA}:month", "CREATED")


def redis_quotas(objects):
    for number in range(objects):
        yield redis_objects.command("HSET", f"q{number}", "limit", QUOTA, "used", 0, "resets",
                                    FAR_S, "period", MONTH_S), b":4\r\n"


def windows(objects):
    for number in range(objects):
        yield get(f"swcounter:new:w{number}:{WINDOW}", "CREATED")
        for _ in range(WINDOW):
            yield get(f"swcounter:add:w{number}:42", "SUCCESS")


def redis_windows(objects):
    for number in range(objects):
        yield redis_objects.command("RPUSH", f"w{number}", *[42] * WINDOW), b":%d\r\n" % WINDOW


METHODS = (
    Method("map_get", "map get", "map:get:m{object}:f{field}", "f{field} : {value}",
           "map_get", "m{object} f{field}", "{value}", maps, redis_maps, FIELDS),
    Method("map_put", "map put", "map:put:m{object}:f{field}:{value}", "SUCCESS",
           "map_put", "m{object} f{field} {value}", "SUCCESS", maps, redis_maps, FIELDS),
    Method("incr", "counter increment", "counter:incr:c{object}:1", "{number}",
           "counter_incr", "c{object} 1", "{number}", no_objects, no_objects),
    Method("quota", "quota check", "quota:addandcheck:q{object}:1", "QUOTA_OK",
           "quota_addandcheck", "q{object} 1", "QUOTA_OK", quotas, redis_quotas),
    Method("window", f"add to the last {WINDOW} values", "swcounter:add:w{object}:42", "SUCCESS",
           "window_add", "w{object} 42 " + str(WINDOW), "SUCCESS", windows, redis_windows),
)


def talk(port, name, pairs):
    """Sends requests in batches; each must get exactly its reply."""
    pairs = list(pairs)
    with socket.create_connection(("127.0.0.1", port), 60) as client:
        for start in range(0, len(pairs), 100):
            batch = pairs[start:start + 100]
            client.sendall(b"".join(request for request, _ in batch))
            expected = b"".join(reply for _, reply in batch)
            got = b""
            while len(got) < len(expected):
                piece = client.recv(1 << 16)
                got += piece
                if not piece or not expected.startswith(got):
                    line = first_wrong_line(expected, got)
                    contest.give_up(f"making the objects of {name}: {line}")


def first_wrong_line(expected, got):
    for want, have in zip(expected.split(b"\r\n"), got.split(b"\r\n")):
        if want != have:
            return f"{have.decode(errors='replace')} instead of {want.decode()}"
    return "the server closed the connection"


def require_object_types(server, cpu):
    """Ends the program if virtual keys are ordinary ones to this server."""
    request, created = get("map:new:x", "CREATED")
    with contest.running(server, cpu) as (port, _):
        with socket.create_connection(("127.0.0.1", port), 60) as client:
            client.sendall(request)
            answer = client.recv(4096)
    if answer != created:
        contest.give_up(f"this server has no object types: {server.command[0]} answers "
                        f"map:new:x with {answer.decode(errors='replace').strip()}")


def asked(server, name, load, objects):
    """A contestant that gets its objects, pairs of (request, reply), before the first round."""
    load = ("--value-bytes", VALUE_BYTES) + load
    return contest.Contestant(name, server, load, lambda port: talk(port, name, objects))


def call_load(request, answer, objects, fields, depth):
    return ("--call", request, "--answer", answer, "--keys", objects * fields, "--fields", fields,
            "--pipeline", depth)


def contestants_of(method, depth, setup):
    contestants = []
    if setup.cacheismo:
        load = call_load(method.call, method.answer, setup.objects, method.fields, depth)
        contestants.append(asked(setup.cacheismo, "cacheismo", load,
                                 method.objects(setup.objects)))
    for form in redis_objects.FORMS if setup.redis else ():
        request = redis_objects.call(form, method.redis_method, method.redis_arguments)
        load = call_load(request, method.redis_answer, setup.objects, method.fields, depth)
        objects = [*redis_objects.load_methods(), *method.redis_objects(setup.objects)]
        contestants.append(asked(setup.redis, form, load, objects))
    return contestants


def plain_items(objects):
    for number in range(objects * FIELDS):
        key = f"m{number // FIELDS}.f{number % FIELDS}"
        yield f"set {key} 0 0 {VALUE_BYTES}\r\n{value_of(number)}\r\n".encode(), b"STORED\r\n"


def virtual_and_plain(setup):
    count = setup.objects
    virtual = call_load(METHODS[0].call, METHODS[0].answer, count, FIELDS, 16)
    plain = call_load("m{object}.f{field}", "{value}", count, FIELDS, 16)
    return (asked(setup.cacheismo, "virtual get", virtual, maps(count)),
            asked(setup.cacheismo, "plain get", plain, plain_items(count)))


def big_and_small_map(setup):
    server = dataclasses.replace(setup.cacheismo, command=[*setup.cacheismo.command, *OBJECT_MAX])
    return tuple(
        asked(server, f"map of {fields}",
              call_load("map:put:m:f{field}:{value}", "SUCCESS", 1, fields, 16),
              map_of("m", fields))
        for fields in (setup.big_map, FIELDS))


BESIDES = (
    Beside("virtual16", "map get, pipelined 16 deep", "plain get", VIRTUAL_MOST,
           virtual_and_plain),
    Beside("bigmap16", "put into a large map, pipelined 16 deep", f"put into a map of {FIELDS}",
           BIG_MAP_MOST, big_and_small_map),
)

WORKLOADS = {method.name + suffix: (method, suffix) for method in METHODS for suffix in DEPTHS}
WORKLOADS.update({beside.name: (beside, None) for beside in BESIDES})


def measure_all(names, setup, measure):
    """{workload: {contestant: rounds}}. `measure` takes contestants and the workload's name."""
    measured = {}
    for name in names:
        what, suffix = WORKLOADS[name]
        if suffix is None:
            contestants = what.contestants(setup) if setup.cacheismo else ()
        else:
            contestants = contestants_of(what, DEPTHS[suffix][1], setup)
        if contestants:
            measured[name] = measure(contestants, name)
    return measured


def better_form(rounds):
    """The form of Redis that needs less CPU, or None."""
    forms = [form for form in redis_objects.FORMS if form in rounds]
    return min(forms, key=lambda form: contest.median_of(rounds[form], contest.cpu_of),
               default=None)


def call_rows(measured):
    """(text, rounds, the better form's name, most) of each workload that calls a method."""
    for name, rounds in measured.items():
        method, suffix = WORKLOADS[name]
        if suffix is not None:
            how, _, most = DEPTHS[suffix]
            yield f"{method.about}, {how}", rounds, better_form(rounds), most


def figures(rounds, names, metric):
    return [f"{contest.median_of(rounds[name], metric):.0f}" for name in names]


def cost_table(measured, names):
    rows = []
    for text, rounds, better, most in call_rows(measured):
        row = [text] + figures(rounds, names, contest.cpu_of)
        if better and "cacheismo" in rounds:
            ours, theirs = rounds["cacheismo"], rounds[better]
            row += [contest.ratio_text(ours, theirs),
                    contest.target_text(ours, theirs, most, better)]
        else:
            row += ["-", "-"]
        rows.append(row)
    head = ["server CPU for each call"] + [f"{name}, ns" for name in names]
    return contest.markdown(head + ["cacheismo / better of redis", "target"], rows)


def speed_table(measured, names):
    rows = []
    for text, rounds, better, _ in call_rows(measured):
        row = [text] + figures(rounds, names, contest.rate_of)
        for metric in (contest.rate_of, contest.p99_of):
            if better and "cacheismo" in rounds:
                ratio = contest.median_ratio(rounds["cacheismo"], rounds[better], metric)[0]
                row.append(f"{ratio:.2f}")
            else:
                row.append("-")
        rows.append(row)
    head = ["calls/s and p99"] + [f"{name}, calls/s" for name in names]
    return contest.markdown(
        head + ["calls/s, cacheismo / better of redis", "p99, cacheismo / better of redis"], rows)


def beside_table(measured):
    rows = []
    for name, rounds in measured.items():
        beside, suffix = WORKLOADS[name]
        if suffix is None:
            (one, ours), (other, theirs) = rounds.items()
            rows.append([
                beside.about, f"{one}: {contest.median_of(ours, contest.cpu_of):.0f}",
                f"{other}: {contest.median_of(theirs, contest.cpu_of):.0f}",
                contest.ratio_text(ours, theirs),
                contest.target_text(ours, theirs, beside.most, beside.than)])
    head = ["server CPU of cacheismo", "ns", "next to, ns", "ratio", "target"]
    return contest.markdown(head, rows) if rows else []


def tables(measured, setup):
    names = ["cacheismo"] if setup.cacheismo else []
    names += redis_objects.FORMS if setup.redis else []
    lines = []
    if any(True for _ in call_rows(measured)):
        lines += cost_table(measured, names) + [""] + speed_table(measured, names) + [""]
    return lines + beside_table(measured)


def about(arguments):
    return (f"{arguments.connections} connections, {arguments.objects} objects, values of "
            f"{VALUE_BYTES} bytes, maps of {FIELDS} fields and a large one of "
            f"{arguments.big_map}")
