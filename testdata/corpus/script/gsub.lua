return (('hello world'):gsub('o', {o = '0'})), ('abc'):gsub('%w', '%0%0'), ('abc'):gsub('', '-')
