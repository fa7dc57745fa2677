/* used.c, and what send.c and settle.c do to a slot's word. */
#define FULL 0
#define CLEAR_OF(slot_) used = used & (255 - BIT(slot_))

#ifdef USED_BITS
inline next_candidate() {
  bits = bits & (bits - 1);
  k = 0
}

inline lowest_bit() {
  slot = 0;
  do
  :: (bits & BIT(slot)) != 0 -> break
  :: else -> slot++
  od
}

inline give_up_candidate() {
  next_candidate();
  if
  :: bits == 0 -> result = FULL; slot = 0; break
  :: else -> lowest_bit()
  fi
}

/* rw_used_claim(), claim_slot(): the lowest slot whose bit is clear. The bitmap is a hint, the word decides. */
inline claim(me) {
  k = 9;
  do
  :: STEP k == 9 -> bits = ALL_SLOTS & ~used; k = 0;
      if
      :: bits == 0 -> result = FULL; k = 0; break
      :: else -> lowest_bit()
      fi
    DONE
  :: STEP k == 0 ->
      w = word[slot];
      if
      :: STATE(w) == FREE ->
        mine = WORD(CLAIMED, 0, 0, me, 0, GEN(w) + 1);
        word[slot] = mine; w = 0; k = 3
      :: else -> w = 0; k = 4
      fi
    DONE
  :: STEP k == 3 -> used = used | BIT(slot); result = GOT; k = 0; bits = 0; break DONE
  /* Cleared too late, by somebody who freed an earlier use of it; or the CAS failed, and nothing is marked. */
  :: STEP k == 4 -> used = used | BIT(slot); k = 5 DONE
  :: STEP k == 4 -> give_up_candidate() DONE
  :: STEP k == 5 ->
      if
      :: STATE(word[slot]) == FREE -> k = 6
      :: else -> k = 7
      fi
    DONE
  :: STEP k == 6 -> CLEAR_OF(slot); give_up_candidate() DONE
  :: STEP k == 7 -> give_up_candidate() DONE
  od
}
#else
/* Without the bitmap, which is a hint: the lowest free slot. */
inline claim(me) {
  STEP
    do
    :: slot == S -> result = FULL; slot = 0; break
    :: slot < S && STATE(word[slot]) != FREE -> slot++
    :: slot < S && STATE(word[slot]) == FREE ->
      result = GOT;
      mine = WORD(CLAIMED, 0, 0, me, 0, GEN(word[slot]) + 1);
      word[slot] = mine;
      break
    od
  DONE
}
#endif

/* rw_free(): from exactly `w_`; result says whether it was there */
inline free(s, w_) {
#if defined(USED_BITS) && defined(M_BIT_BEFORE_STATE)
  STEP CLEAR_OF(s) DONE;
#endif
  if
  :: STEP word[s] == w_ -> word[s] = WORD(FREE, 0, 0, 0, 0, GEN(w_)); freed(s, w_); result = GOT DONE
#if defined(USED_BITS) && !defined(M_BIT_BEFORE_STATE)
    ; STEP CLEAR_OF(s) DONE
#endif
  :: STEP else -> result = EMPTY DONE
  fi
}

/* Who frees a lease has acknowledged it. */
inline freed(s, w_) {
  told[s] = 0;
  deadline[s] = 0;
  touched[s] = 0;
  if
  :: STATE(w_) == LEASED -> acknowledged = acknowledged | BIT(body[s])
  :: else
  fi;
  body[s] = 0
}

#ifdef DROP_OLDEST
/* rw_count_drop(): the note says what the count is to be, for whoever finds the claim marked still. One writer, so no CAS. */
inline count_drop(s, dropper) {
#ifdef M_DROP_WITHOUT_NOTE
  STEP counted[dropper]++ DONE
#else
  STEP dropping[dropper] = (NOTE_SLOT(dropping[dropper]) == (s) + 1 -> dropping[dropper] : NOTE(s, counted[dropper] + 1)) DONE;
  STEP counted[dropper] = NOTE_COUNT(dropping[dropper]) DONE
#endif
}

/* free_claim(), of a dead one's */
inline free_claim(s, w_) {
  if
  :: (FLAGS(w_) & EVICTED) != 0 -> count_drop(s, OWNER(w_))
  :: else
  fi;
  free(s, w_);
  if
  :: STEP result == GOT && (FLAGS(w_) & EVICTED) != 0 -> dropping[OWNER(w_)] = 0 DONE
  :: STEP else -> skip DONE
  fi
}
#define FORGET_DROP(place_) dropping[place_] = 0
#else
#define free_claim free
#define FORGET_DROP(place_) skip
#endif

#ifdef M_REQUEUE_SAME_GEN
#define NEXT_GEN(w) GEN(w)
#else
#define NEXT_GEN(w) (GEN(w) + 1)
#endif

/* rw_make_ready(), without the wake-up */
inline make_ready(s, w_, attempts, flags, legal) {
  if
  :: STEP word[s] == w_ ->
      assert(legal);
      tries[body[s]] = tries[body[s]] - ATTEMPTS(w_) + attempts; /* given back uncounted */
      word[s] = WORD(READY, flags, PRIORITY(w_), 0, attempts, NEXT_GEN(w_));
      told[s] = 0
    DONE;
    ring_insert(RING_OF(WORD(READY, flags, PRIORITY(w_), 0, attempts, 0)), s, NEXT_GEN(w_), true)
  :: STEP else -> result = EMPTY DONE
  fi
}

/* rw_bury(): the owner settles first, then writes the note, then buries. */
inline bury(s, w_, me, legal) {
  if
  :: STEP word[s] == w_ ->
      assert(legal);
      mine = WORD(SETTLING, FLAGS(w_), PRIORITY(w_), me, ATTEMPTS(w_), GEN(w_) + 1);
      word[s] = mine
    DONE;
    STEP note[s] = GEN(mine) DONE;
    if
    :: STEP word[s] == mine ->
        assert(note[s] == GEN(mine));
        word[s] = WORD(BURIED, FLAGS(mine), PRIORITY(mine), 0, ATTEMPTS(mine), GEN(mine));
        buried = buried | BIT(body[s]);
        result = GOT
      DONE
    :: STEP else -> result = EMPTY DONE
    fi
  :: STEP else -> result = EMPTY DONE
  fi
}

/* rw_requeue(): what was delivered too often is buried. */
inline requeue(s, w_, me, legal) {
  if
  :: STATE(w_) == LEASED && ATTEMPTS(w_) >= MAX_DELIVER -> bury(s, w_, me, legal && tries[body[s]] >= MAX_DELIVER)
  :: else -> make_ready(s, w_, ATTEMPTS(w_), FLAGS(w_) | REDELIVERED, legal && (STATE(w_) == SETTLING || tries[body[s]] < MAX_DELIVER))
  fi
}

#ifdef SETTLING_WAYS
/* rwq_nack() with a delay */
inline nack_later(s, me) {
#ifdef M_NACK_DUE_FIRST
  STEP due[s] = DEADLINE(GEN(mine) + 1, clock + 1) DONE;
#endif
  if
  :: STEP word[s] == mine ->
      mine = WORD(SETTLING, FLAGS(mine) | REDELIVERED, PRIORITY(mine), me, ATTEMPTS(mine), GEN(mine) + 1);
      word[s] = mine
    DONE;
    STEP
#ifndef M_NACK_DUE_FIRST
      due[s] = DEADLINE(GEN(mine), clock + 1);
#endif
      w = clock + 1
    DONE;
    if
    :: STEP word[s] == mine ->
        word[s] = WORD(DELAYED, FLAGS(mine), PRIORITY(mine), 0, ATTEMPTS(mine), GEN(mine));
        wanted[s] = w; w = 0
      DONE
    :: STEP else -> assert(false) DONE /* nobody settles for a live owner */
    fi
  :: STEP else -> skip DONE
  fi
}

/* rw_touch(); whoever is told that it succeeded keeps the lease for as long again. */
inline touch(s) {
  do
  :: STEP k == 0 -> e = deadline[s]; k = 1 DONE
  :: STEP k == 1 ->
#ifdef M_TOUCH_AFTER_EXPIRY
      k = (word[s] == mine -> 2 : 4)
#else
      k = (word[s] == mine && (TAG(e) != GEN(mine) || TIME(e) != EXPIRED) -> 2 : 4)
#endif
    DONE
  :: STEP k == 2 ->
      if
      :: deadline[s] == e ->
        deadline[s] = DEADLINE(GEN(mine), (TIME(e) == 2 -> 3 : 2));
        touched[s] = (word[s] == mine); /* here it has succeeded; afterwards time may pass again */
        k = 3
      :: else -> k = 0
      fi
    DONE
  :: STEP k == 3 -> result = (word[s] == mine -> GOT : EMPTY); k = 0; e = 0; break DONE
  :: STEP k == 4 -> k = 0; e = 0; break DONE
  od
}
#endif
