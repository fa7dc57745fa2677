# journal.c: delayed messages do not outlast a boot
s/ \&\& state != RWQ_SLOT_DELAYED \&\& state/ \&\& state/
