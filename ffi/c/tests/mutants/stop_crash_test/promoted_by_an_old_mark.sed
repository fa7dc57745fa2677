# schedule.c: which slots there are is asked before the bounds of what is due are taken away
s/^uint32_t rw_promote_due(/static uint32_t mark;\n&/
s/^static uint32_t promote_word(/static uint32_t mark;\n&/
s/^    RW_POINT("promote:due");/    mark = high_water(q);\n&/
s/^    uint32_t high = high_water(q);/    uint32_t high = mark;/
