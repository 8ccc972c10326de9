#!/usr/bin/python3
"""Turns the sessions in pages of docs/objects into a conversation, so that they are played as one.

    page_conversation.py docs/objects/map.md ... > conversation.txt

A session is a fenced block that begins with a request. What a page shows as typed becomes what a
client sends; what follows becomes the answer, byte for byte, but for ids of errors and tokens of
locks, which are not the same each time. A line `(10 seconds later)` lets time pass.
"""

import os
import re
import sys

REQUEST = re.compile(r"(get|set|touch|delete) \S")
LATER = re.compile(r"\((\d+) seconds? later\)$")
ERROR_ID = re.compile(r"id=[0-9a-f]{8}$")
TOKEN = re.compile(r"OK \d{13}$")


def sessions(page):
    for block in re.findall(r"^```\n(.*?)^```$", page, re.M | re.S):
        if REQUEST.match(block):
            yield block.splitlines()


def escaped(line):
    return re.sub(r"[\\<{]", lambda found: "\\" + found.group(0), line)


def answer(line, following):
    if TOKEN.search(following) and line.startswith("VALUE "):
        return escaped(line.rsplit(" ", 1)[0]) + " {#}"
    line = TOKEN.sub("OK @", escaped(line)).replace("OK @", "OK {#}")
    return ERROR_ID.sub("id={*}", line)


def conversation(name, session):
    yield f"== {name}"
    at = 0
    while at < len(session):
        line = session[at]
        at += 1
        if later := LATER.match(line):
            yield f"advance {later.group(1)}s"
        elif REQUEST.match(line):
            sent = escaped(line) + r"\r\n"
            if line.startswith("set "):
                sent += escaped(session[at]) + r"\r\n"
                at += 1
            yield "> " + sent
        else:
            following = session[at] if at < len(session) else ""
            yield "< " + answer(line, following) + r"\r\n"


def main():
    print("# The sessions of docs/objects.")
    print("common: no, objects with methods are ours")
    for path in sys.argv[1:]:
        with open(path, encoding="utf-8") as file:
            page = file.read()
        name = os.path.splitext(os.path.basename(path))[0]
        found = list(sessions(page))
        if not found:
            sys.exit(f"{path}: has no session that could be played")
        for number, session in enumerate(found, 1):
            print()
            print("\n".join(conversation(f"{name}, session {number}", session)))


main()
