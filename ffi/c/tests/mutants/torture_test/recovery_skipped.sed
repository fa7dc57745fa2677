# participant.c: the dead are forgotten, and nothing of theirs is recovered
/^static uint32_t recover(/,/^}/{
s/^    rw_mend_half_steps(q);/    (void)q, (void)dead;/
s/return rw_recover_owned(q, dead, true)/return 0/
}
