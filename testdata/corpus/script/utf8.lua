for p, c in utf8.codes('hé€') do log.info(p, c) end return utf8.len('\xff'), utf8.char(72, 228, 8364)
