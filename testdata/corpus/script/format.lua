return ('%5.2f %q %s %d %x'):format(1.5, 'a\n', {}, 3, 255), string.pack('<i4s2z', 1, 'ab', 'c')
