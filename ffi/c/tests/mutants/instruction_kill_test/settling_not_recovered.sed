# sweep.c: who died while it gave a message back keeps it
s/state == RWQ_SLOT_LEASED || state == RWQ_SLOT_SETTLING/state == RWQ_SLOT_LEASED/
