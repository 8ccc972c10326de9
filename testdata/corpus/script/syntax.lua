local a <const> = 1; goto done; do local b = [==[long]==] end ::done:: return a // 0.0, -a ^ 2, ~a & 0xff
