# sweep.c: what the dead had taken is not given back before its lease ends
s/state == RWQ_SLOT_LEASED || state == RWQ_SLOT_SETTLING/state == RWQ_SLOT_SETTLING/
