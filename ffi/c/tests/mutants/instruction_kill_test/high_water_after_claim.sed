# used.c: between the claim and the mark nobody who recovers looks at the slot
/uint64_t high = rw_load(&q->control->high_water);/d
/while (high <= slot && !rw_cas(/d
s/^    RW_POINT("claim:after");/    uint64_t high = rw_load(\&q->control->high_water);\n    while (high <= slot \&\& !rw_cas(\&q->control->high_water, \&high, (uint64_t)slot + 1)) {}\n&/
