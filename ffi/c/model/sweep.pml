/* sweep.c, the expiry of schedule.c, and the recovery of participant.c. */

#ifdef USED_BITS
/* rw_used_repair() */
inline used_repair() {
  i = 0; k = 0;
  do
  :: STEP i < S && k == 0 -> /* the word's bits are looked at one by one */
      if
      :: (used & BIT(i)) != 0 && STATE(word[i]) == FREE -> k = 1
      :: else -> i++
      fi
    DONE
  :: STEP i < S && k == 1 -> CLEAR_OF(i); i++; k = 0 DONE
  :: STEP i == S -> i = 0; k = 0; break DONE
  od
}

#endif

#ifndef SCANS_MAX
#define SCANS_MAX 2
#endif

/* rw_rehint(), with mark_hinted() and find_missing() */
inline rehint() {
  j = 0; scans = 0;
  do
  :: STEP j == 0 ->
      scans++;
      begun = orphans;
#ifdef M_ORPHANS_CLEARED_FIRST
      orphans = ORPHANS_NEXT(orphans, NONE);
#endif
      hinted = 0; missing = 0; ring = 0; j = 1
    DONE
  :: STEP j == 1 -> position = head[ring]; n = 0; j = 2 DONE
  :: STEP j == 2 ->
      e = AT(ring, position);
      if
      :: CYCLE(e) != CYCLE_OF(position) || n > N ->
        e = 0; position = 0; n = 0; ring++;
        if
        :: ring == R -> ring = 0; i = 0; j = 4; skip_hinted()
        :: else -> j = 1
        fi
      :: else -> j = 3
      fi
    DONE
  :: STEP j == 3 ->
      if
      :: IS_LIVE(e) -> hinted = hinted | BIT(ENTRY_SLOT(e))
      :: else
      fi;
      e = 0; position++; n++; j = 2
    DONE
  :: STEP j == 4 && i < S ->
      w = word[i];
      if
      :: STATE(w) == READY -> missing = missing | BIT(i); missing_gen[i] = GEN(w)
      :: else
      fi;
      w = 0; i++;
      skip_hinted()
    DONE
  :: STEP j == 4 && i == S ->
      i = 0; hinted = 0;
#ifdef M_ORPHANS_CLEARED_FIRST
      j = 5
#else
      j = (scans == SCANS_MAX || orphans == begun -> 5 : 0)
#endif
    DONE
  :: STEP j == 5 && missing != 0 ->
      oldest_of(missing);
      missing = missing & (255 - BIT(i));
      w = word[i];
      if
      :: STATE(w) == READY && GEN(w) == missing_gen[i] -> j = 6; ring = RING_OF(w)
      :: else -> missing_gen[i] = 0; i = 0
      fi;
      w = 0
    DONE
  :: j == 6 ->
    ring_insert(ring, i, missing_gen[i], false);
    STEP
      if
      :: result == ORPHANED -> hinted = 1
      :: else
      fi;
      missing_gen[i] = 0; i = 0; ring = 0; result = 0; j = 5
    DONE
  :: STEP j == 5 && missing == 0 ->
#ifdef M_ORPHANS_CLEARED_FIRST
      orphans = (hinted -> ORPHANS_NEXT(orphans, TRIED) : orphans);
#else
      if
      :: orphans == begun -> orphans = ORPHANS_NEXT(begun, (hinted -> TRIED : NONE))
      :: else
      fi;
#endif
      begun = 0; hinted = 0; scans = 0; i = 0; j = 0;
      break
    DONE
  od
}

/* A slot that is known to be hinted is not looked at. */
inline skip_hinted() {
  do
  :: i < S && (hinted & BIT(i)) != 0 -> i++
  :: else -> break
  od
}

/* rw_recover_owned() for a dead one: unfinished sends vanish, then leases go back, the oldest first. */
inline recover_owned(dead, me) {
  i = 0;
  do
  :: STEP i < S && j == 0 ->
      w = word[i];
      if
#ifdef M_RECLAIM_BY_TIMEOUT
      :: STATE(w) == CLAIMED -> j = 1
#else
      :: OWNER(w) == dead && STATE(w) == CLAIMED -> j = 1
#endif
      :: OWNER(w) == dead && (STATE(w) == LEASED || STATE(w) == SETTLING) -> found[i] = w; over = over | BIT(i); i++; w = 0
      :: else -> i++; w = 0
      fi
    DONE
  :: j == 1 -> free_claim(i, w); STEP i++; w = 0; j = 0; result = 0 DONE
  :: STEP i == S && j == 0 && over != 0 -> next_found() DONE
  :: j == 2 -> requeue(i, w, me, true); STEP i = S; w = 0; j = 0; result = 0 DONE
  :: STEP i == S && j == 0 && over == 0 -> i = 0; break DONE
  od
}

/* The oldest of what rw_remember() has kept. */
inline next_found() {
  oldest_of(over);
  over = over & (255 - BIT(i)); w = found[i]; found[i] = 0; j = 2
}

/* recover(), rw_mend_half_steps(), after its rw_orphans_found() */
inline recover(dead, me) {
  rehint();
#ifdef USED_BITS
  used_repair();
#endif
  recover_owned(dead, me)
}

#ifdef M_SHARED_DESCRIPTION
#define DESCRIPTION SHARED
#else
#define DESCRIPTION _pid
#endif
#define SHARED (P + 1)

/* rw_recover_deaths(): whoever holds the byte of a dead one, registered still, may recover it. */
inline recover_deaths() {
  place = 1;
  do
  :: STEP place <= P && j == 0 ->
      if
#ifdef M_SHARED_DESCRIPTION
      :: registered[place] && (lock[place] == 0 || lock[place] == SHARED) -> lock[place] = SHARED; j = 1
#else
      :: registered[place] && lock[place] == 0 -> lock[place] = _pid; j = 1
#endif
      :: else -> place++
      fi
    DONE
  :: STEP j == 1 ->
      if
      :: registered[place] -> j = 2
      :: else -> lock[place] = 0; place++; j = 0
      fi
    DONE
  :: STEP j == 2 -> j = 0; orphans = ORPHANS_NEXT(orphans, NEW) DONE;
    recover(place, _pid);
    STEP FORGET_DROP(place); registered[place] = 0 DONE;
    STEP lock[place] = 0; place++ DONE
  :: STEP place > P && j == 0 -> place = 0; break DONE
  od
}

/* rw_expire_leases(): the deadline first, so that a touch that comes now fails; the leases themselves later, the oldest first. */
inline expire_leases() {
  i = 0;
  do
  :: STEP i < S && j == 0 ->
      w = word[i];
      if
      :: STATE(w) == LEASED -> j = 1
      :: else -> w = 0; i++
      fi
    DONE
  :: STEP j == 1 ->
      e = deadline[i];
      if
      :: TAG(e) != GEN(w) || TIME(e) == NO_TIME -> j = 3 /* nobody has started its clock */
      :: else ->
        touched[i] = 0;
        if
#ifdef M_NO_EXPIRED_MARK
        :: e = 0; j = 4; remember_if_over() /* its time is over */
#else
        :: j = (TIME(e) == EXPIRED -> 4 : 2); e = (j == 4 -> 0 : e); remember_if_over() /* its time is over */
#endif
        :: e = 0; w = 0; i++; j = 0 /* it is not */
        fi
      fi
    DONE
  :: STEP j == 2 ->
      if
      :: deadline[i] == e -> deadline[i] = DEADLINE(GEN(w), EXPIRED); e = 0; j = 4; remember_if_over()
      :: else -> e = 0; w = 0; i++; j = 0
      fi
    DONE
  :: STEP j == 3 ->
      if
      :: deadline[i] == e -> deadline[i] = DEADLINE(GEN(w), 2)
      :: else
      fi;
      e = 0; w = 0; i++; j = 0
    DONE
  :: STEP i == S && j == 0 && over != 0 -> next_found(); j = 4 DONE
  :: j == 4 ->
    requeue(i, w, _pid, !touched[i]);
    STEP w = 0; i = S; j = 0; result = 0 DONE
  :: STEP i == S && j == 0 && over == 0 -> i = 0; break DONE
  od
}

inline remember_if_over() {
  if
  :: j == 4 -> found[i] = w; over = over | BIT(i); w = 0; i++; j = 0
  :: else
  fi
}

#ifdef SETTLING_WAYS
/* rw_promote_due(), without its bounds, which delay.pml has. Its time is the clock's. */
inline promote_due() {
  i = 0;
  do
  :: STEP i < S && j == 0 ->
      w = word[i];
      if
      :: STATE(w) == DELAYED -> j = 1
      :: else -> w = 0; i++
      fi
    DONE
  :: STEP j == 1 ->
      if
      :: TAG(due[i]) == (GEN(w) & 4095) && TIME(due[i]) > clock -> w = 0; i++; j = 0
      :: else -> j = 2
      fi
    DONE
  :: j == 2 -> make_ready(i, w, ATTEMPTS(w), FLAGS(w), clock >= wanted[i]); STEP w = 0; i++; j = 0; result = 0 DONE
  :: STEP i == S && j == 0 -> i = 0; break DONE
  od
}
#endif
