return (('a'):rep(200)):find(('.-'):rep(20) .. 'b'), ('f(a(b))'):match('%b()'), ('THE (quick)'):find('%f[%a]%a+')
