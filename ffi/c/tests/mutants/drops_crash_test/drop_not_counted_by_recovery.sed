# sweep.c: who recovers a claim does not count the drop that its owner did not live to count
s/^    if (dropped) rw_count_drop(.*/    (void)0;/
