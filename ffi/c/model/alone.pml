/*
 * The same steps once more, with nothing in between: for whoever judges. Spin has no guards at the beginning of an atomic part
 * of a d_step, so the sources are read again with other names and without `atomic`.
 */
#define JUDGING
#undef STEP
#undef DONE
#define STEP
#define DONE
#define ring_insert ring_insert_alone
#define end_of_insert end_of_insert_alone
#define raise raise_alone
#define lease lease_alone
#define nothing_comes_first nothing_comes_first_alone
#define may_take may_take_alone
#define take take_alone
#define next_ring next_ring_alone
#define claim claim_alone
#define next_candidate next_candidate_alone
#define lowest_bit lowest_bit_alone
#define give_up_candidate give_up_candidate_alone
#undef free_claim
#undef FORGET_DROP
#define free free_alone
#define count_drop count_drop_alone
#ifdef DROP_OLDEST
#define free_claim free_claim_alone
#endif
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
#define next_found next_found_alone
#define remember_if_over remember_if_over_alone
#define recover_owned recover_owned_alone
#define recover recover_alone
#define recover_deaths recover_deaths_alone
#define expire_leases expire_leases_alone
#include "ring.pml"
#include "slots.pml"
#include "sweep.pml"

#ifdef IN_ORDER
#define look_who_waits look_who_waits_alone
#define take_oldest take_oldest_alone
#define end_of_take_oldest end_of_take_oldest_alone
#define take_unhinted take_unhinted_alone
#define take_in_order take_in_order_alone
#include "order.pml"
#endif
#ifdef CONSUME_LOCK
#define put_back_what_is_left put_back_what_is_left_alone
#define consume_alone consume_alone_alone
#undef RECOVERY_TURNS
#define start_consuming start_consuming_alone
#include "consume.pml"
#endif
