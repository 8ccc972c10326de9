return os.date('%Y-%m-%d', 0), os.time{year=2000, month=1, day=1}, os.date('*t').year
