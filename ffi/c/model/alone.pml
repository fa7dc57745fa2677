/*
 * The same steps once more, with nothing in between: for whoever judges. Spin has no guards at the beginning of an atomic part
 * of a d_step, so the sources are read again with other names and without `atomic`.
 */
#undef STEP
#undef DONE
#define STEP
#define DONE
#define ring_insert ring_insert_alone
#define end_of_insert end_of_insert_alone
#define raise raise_alone
#define lease lease_alone
#define take take_alone
#define next_ring next_ring_alone
#define claim claim_alone
#define next_candidate next_candidate_alone
#define lowest_bit lowest_bit_alone
#define give_up_candidate give_up_candidate_alone
#define free free_alone
#define freed freed_alone
#define make_ready make_ready_alone
#define bury bury_alone
#define requeue requeue_alone
#define nack_later nack_later_alone
#define touch touch_alone
#define promote_due promote_due_alone
#define used_repair used_repair_alone
#define rehint rehint_alone
#define skip_hinted skip_hinted_alone
#define recover_owned recover_owned_alone
#define recover recover_alone
#define recover_deaths recover_deaths_alone
#define expire_leases expire_leases_alone
#include "ring.pml"
#include "slots.pml"
#include "sweep.pml"

