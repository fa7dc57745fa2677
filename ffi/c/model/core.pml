/*
 * The core: send, take, acknowledge, expire, sweep, attach; whoever is killed may be killed before each access to shared memory.
 * Included by a configuration, which defines START and the sizes.
 */
#define STEP atomic {
#define DONE }
#include "words.pml"
#include "ring.pml"
#include "slots.pml"
#include "sweep.pml"
/* The kernel takes the locks of the dead. */
inline die() {
  atomic { victim == _pid ->
    for (i : 1 .. P) {
      if
      :: lock[i] == _pid -> lock[i] = 0
      :: else
      fi
    }
#ifdef CONSUME_LOCK
    consuming = consuming & (255 - BIT(_pid)); alone_pid = (alone_pid == _pid -> 0 : alone_pid);
    sharing = sharing & (255 - BIT(_pid));
#ifndef M_EXCLUSION_BY_WORD
    held_alone = (held_alone == _pid -> 0 : held_alone);
#endif
#endif
    forget_locals();
    victim = 0; gone[_pid] = true; anyone_died = true
  }
}

#ifdef DROP_OLDEST
/*
 * evict(): full, so the waiting message with the smallest id among the heads of the rings makes room. Its claim is marked until the
 * drop is counted, and who recovers a marked claim counts it.
 */
inline evict(me) {
  ring = 0; missing = 0; hinted = 0; k = 0;
  do
  :: STEP k == 0 && ring < R -> position = head[ring]; k = 1 DONE
  :: STEP k == 1 ->
      e = AT(ring, position);
      if
      :: CYCLE(e) == CYCLE_OF(position) -> k = 2
      :: CYCLE(e) + 1 == CYCLE_OF(position) -> next_ring()
      :: else -> k = 3
      fi
    DONE
  :: STEP k == 2 ->
      if
      :: IS_LIVE(e) ->
        if
        :: hinted == 0 || body[ENTRY_SLOT(e)] < hinted ->
          hinted = body[ENTRY_SLOT(e)]; slot = ENTRY_SLOT(e); w = word[slot]; i = ring; n = position
        :: else
        fi;
        next_ring()
      :: else -> k = 5
      fi
    DONE
  :: STEP k == 5 -> raise(head[ring], position + 1); position++; k = 1 DONE
  :: STEP k == 3 ->
      first = head[ring];
      if
      :: first <= position -> next_ring()
      :: else -> position = first; k = 1
      fi;
      first = 0
    DONE
  :: STEP k == 0 && ring == R && hinted == 0 -> ring = 0; result = FULL; break DONE
  :: STEP k == 0 && ring == R && hinted != 0 ->
      if
      :: word[slot] == w ->
        dropped = dropped | BIT(body[slot]);
        mine = WORD(CLAIMED, EVICTED, 0, me, 0, GEN(w) + 1);
        word[slot] = mine; told[slot] = 0;
        hinted = 0; w = 0; ring = 0; k = 7
      :: else -> hinted = 0; w = 0; ring = 0; i = 0; n = 0; slot = 0
      fi
    DONE
  :: k == 7 -> count_drop(slot, me); STEP k = 8 DONE
  :: STEP k == 8 ->
      assert(word[slot] == mine); /* a claimed slot never changes hands */
      mine = WORD(CLAIMED, 0, 0, me, 0, GEN(mine));
      word[slot] = mine; k = 9
    DONE
  :: STEP k == 9 -> dropping[me] = 0; k = 6 DONE
  :: STEP k == 6 -> raise(head[i], n + 1); result = GOT; i = 0; n = 0; k = 0; break DONE
  od
}
#endif

#ifdef ENDING
/* check_open(), again after the claim; a consumer that has seen the end looks for claims afterwards. */
inline check_end(me) {
  if
  :: STEP result == GOT && ended -> result = FULL DONE;
    free(slot, mine);
    STEP result = FULL; slot = 0; mine = 0 DONE
  :: STEP else -> skip DONE
  fi
}

proctype ender() provided (RUNS) {
  atomic { ended = true; gone[_pid] = true }
}

/* Takes until the stream has ended and nothing is left that could still become a delivery: nothing(), rw_drained() */
proctype reader(byte me) provided (RUNS) {
  LOCALS;
  {
    do
    :: take(me);
      if
      :: result == GOT ->
        free(slot, mine);
        atomic { slot = 0; mine = 0; result = 0 }
      :: atomic { result == EMPTY && !ended -> skip } /* comes again */
      :: atomic { result == EMPTY && ended -> i = 0; j = 1 };
        do
        :: atomic { i < S && STATE(word[i]) != FREE && STATE(word[i]) != BURIED -> i = 0; break }
        :: atomic { i < S && (STATE(word[i]) == FREE || STATE(word[i]) == BURIED) -> i++ }
        :: atomic { i == S -> j = 2; break }
        od;
        atomic { i = 0; j = (j == 2 -> 2 : 0) }
      fi;
      if
      :: atomic { j == 2 ->
          assert((accepted & ~NOBODY & ~acknowledged) == 0);
          concluded = true; j = 0; gone[_pid] = true;
          break
        }
      :: else ->
progress_comes_again:
        skip
      fi
    od
  } unless { die() }
}
#endif

/* rwq_send(): the message `id`, once. Full: it is told so, and the message was not accepted. */
inline send(id, me, rank) {
#if defined(ENDING) && defined(M_END_BEFORE_CLAIM)
  if
  :: STEP !ended -> result = GOT DONE;
    claim(me)
  :: STEP else -> result = FULL DONE
  fi;
#else
  claim(me);
#endif
#ifdef DROP_OLDEST
  if
  :: result == FULL -> evict(me)
  :: else
  fi;
#endif
#if defined(ENDING) && !defined(M_END_BEFORE_CLAIM)
  check_end(me);
#endif
  if
  :: STEP result == GOT ->
      assert(!concluded);
      assert(word[slot] == mine); /* a claimed slot never changes hands */
      body[slot] = id;
      word[slot] = WORD(READY, 0, rank, 0, 0, GEN(mine));
      committed = committed | BIT(id);
      told[slot] = 0;
      sending = id
    DONE;
    ring_insert(RING_OF(WORD(READY, 0, rank, 0, 0, 0)), slot, GEN(mine), true);
    STEP slot = 0; mine = 0; result = 0; id++ DONE
  :: STEP else -> id++ DONE
  fi
}

proctype producer(byte from; byte to; byte me) provided (RUNS) {
  LOCALS;
  {
    do
    :: atomic { from > to -> from = 0; to = 0; gone[_pid] = true; break }
    :: else -> send(from, me, RANK)
    od
  } unless { die(); atomic { from = 0; to = 0 } }
}

/* Takes `times`; acknowledges, or keeps what it has until the lease is over, and then acknowledges too late. */
/* rw_attach(), try_place(): the byte first; what a dead one left in this place comes before anything else. */
inline attach() {
  place = 1;
  do
  :: STEP j == 0 && place <= P ->
      if
      :: lock[place] == 0 -> lock[place] = _pid; j = 1
      :: else -> place++
      fi
    DONE
  :: STEP j == 1 -> j = (registered[place] -> 2 : 3) DONE
  :: STEP j == 2 -> orphans = ORPHANS_NEXT(orphans, NEW); j = 0 DONE;
    recover(place, place);
    STEP FORGET_DROP(place); registered[place] = false; j = 3 DONE
  :: STEP j == 3 -> registered[place] = true; j = 0; break DONE
  :: STEP place > P -> place = 0; break DONE
  od
}

/* Comes later, into the first place that nobody lives in, and sends a message. */
proctype newcomer(byte id) provided (RUNS) {
  LOCALS;
  {
    attach();
    if
    :: place != 0 -> send(id, place, RANK)
    :: else
    fi;
    atomic { place = 0; id = 0; gone[_pid] = true }
  } unless { die(); atomic { id = 0 } }
}

proctype consumer(byte times; byte me) provided (RUNS) {
  LOCALS;
  {
    do
    :: atomic { times == 0 -> gone[_pid] = true; break }
    :: else ->
      take(me);
      if
      :: result == EMPTY && ORPHANS(orphans) != NONE -> rehint(); take(me)
      :: else
      fi;
      if
      :: result == GOT -> free(slot, mine); atomic { times--; slot = 0; mine = 0; result = 0 }
      :: atomic { else -> times-- }
      fi
    od
  } unless { die(); atomic { times = 0 } }
}

#ifdef SETTLING_WAYS
/* Settles in any way that there is, once having touched or not. */
proctype settler(byte times; byte me) provided (RUNS) {
  LOCALS;
  {
    do
    :: atomic { times == 0 -> gone[_pid] = true; break }
    :: else ->
      take(me);
      if
      :: atomic { else -> times-- }
      :: result == GOT ->
#ifdef TOUCHES
        touch(slot);
#endif
        if
        :: true -> free(slot, mine)
        :: true -> nack_later(slot, me)
#ifndef FEW_WAYS
        :: true -> make_ready(slot, mine, ATTEMPTS(mine), FLAGS(mine) | REDELIVERED, true)
        :: true -> bury(slot, mine, me, true)
#endif
        fi;
        atomic { times--; slot = 0; mine = 0; result = 0 }
      fi
    od
  } unless { die(); atomic { times = 0 } }
}
#endif

proctype sweeper(byte rounds) provided (RUNS) {
  LOCALS;
  {
    do
    :: atomic { rounds == 0 -> gone[_pid] = true; break }
    :: else ->
#ifdef EXPIRY
      expire_leases();
#endif
#ifdef SETTLING_WAYS
      promote_due();
#endif
#if defined(NO_DEATHS) && !defined(LEASES_ONLY)
      rehint();
#elif !defined(LEASES_ONLY)
      recover_deaths();
#endif
      rounds--
    od
  } unless { die(); atomic { rounds = 0 } }
}

#ifdef IN_ORDER
#include "order.pml"
#endif
#ifdef CONSUME_LOCK
#include "consume.pml"
#endif
#ifdef ATTEMPTS_IN_PLACE
#include "attempts.pml"
#endif
#include "alone.pml"
#include "judge.pml"

/* Sent before anybody moves. */
inline waits(s, id, rank) {
  body[s] = id;
  word[s] = WORD(READY, 0, rank, 0, 0, 1);
  AT(RING_OF(word[s]), tail[RING_OF(word[s])]) = ENTRY(1, 1, s);
  tail[RING_OF(word[s])]++;
  told[s] = 2; committed = committed | BIT(id); accepted = accepted | BIT(id)
}

init {
  atomic {
    for (crashes : 1 .. P) {
      registered[crashes] = true;
      lock[crashes] = crashes
    }
    crashes = 0;
    START;
    run environment()
  }
}
