# drops.c: who recovers a claim counts its drop, whether or not somebody has counted it
s/^    if (NOTE_SLOT(note) != slot + 1) {/    {/
