# sweep.c: places of the dead who were sending stay taken
s/if (state == RWQ_SLOT_CLAIMED) moved += free_claim(q, slot, w);/if (state == RWQ_SLOT_CLAIMED \&\& !died) moved += free_claim(q, slot, w);/
