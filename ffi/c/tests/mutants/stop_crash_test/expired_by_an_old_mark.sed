# schedule.c: which slots there are is asked before the bound of leases is taken away
/^        high = high_water(q);/d
