# send.c: who recovers the claim does not know that it took the place of a message
s/RW_WORD(RWQ_SLOT_CLAIMED, RW_EVICTED, priority/RW_WORD(RWQ_SLOT_CLAIMED, 0, priority/
