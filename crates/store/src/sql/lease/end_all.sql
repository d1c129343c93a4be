UPDATE lease SET until = 0 WHERE until > unixepoch()
