# participant.c: a sweeper that dies leaves leases of somebody who is not known to be dead any more
s/^        moved = recover(q, &dead);/        for (uint32_t i = from; i <= to; i++)\n            if (dead.bits[i \/ 64] >> (i \& 63) \& 1) forget(q, rw_part(q, i), i);\n&/
