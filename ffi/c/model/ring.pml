/*
 * ring.c and the taking part of receive.c. Each `atomic` is one access to shared memory with what the process then computes for
 * itself; k says which access comes next. A load and a CAS from exactly what was loaded are one step where a failed CAS leads to
 * nothing but a new load.
 */
#define ORPHANED 0
#define INSERTED 1
#define EMPTY 0
#define GOT 1
/* More turns than the hints that anybody could add while one inserts: then it is no bounded insertion. */
#define TURNS_MAX (4 * N)

inline raise(shared, to) {
  if
  :: shared < to -> shared = to
  :: else
  fi
}

/*
 * rw_ring_try_insert(), with is_full() as its accesses 2, 4 and 5; with `flag`, rw_ring_insert(): when there is no place, access 7 says
 * so to all (rw_orphans_found()). Afterwards the hint is there, or the flag says that one is missing, and a send is over.
 */
inline ring_insert(r, s, g, flag) {
  k = 0;
  do
  :: STEP k == 0 -> last = tail[r]; k = 1 DONE
  :: STEP k == 1 ->
      turns++;
      assert(turns < TURNS_MAX);
      first = head[r];
      k = (last - first >= N -> 2 : 3)
    DONE
  :: STEP k == 2 -> e = AT(r, first); k = (CYCLE(e) == CYCLE_OF(first) -> 4 : 5) DONE
  :: STEP k == 4 ->
      if
#ifdef M_UNBOUNDED_INSERT
      :: IS_LIVE(e) -> k = 1 /* until there is room */
#else
      :: IS_LIVE(e) && flag -> k = 7
      :: IS_LIVE(e) && !flag -> result = ORPHANED; end_of_insert(s, 254); break
#endif
      :: else -> k = 5
      fi
    DONE
  :: STEP k == 5 ->
      if
      :: head[r] == first -> head[r] = first + 1; first++
      :: else -> first = head[r]
      fi;
      k = (last - first >= N -> 2 : 3)
    DONE
  :: STEP k == 3 ->
      e = AT(r, last);
      if
      :: CYCLE(e) == CYCLE_OF(last) -> last++; k = 1
      :: CYCLE(e) + 1 == CYCLE_OF(last) -> AT(r, last) = ENTRY(CYCLE_OF(last), g & 31, s); k = 6
      :: else -> assert(tail[r] > last); last = tail[r]; k = 1 /* if not: an entry of an impossible cycle */
      fi
    DONE
  :: STEP k == 6 -> raise(tail[r], last + 1); result = INSERTED; end_of_insert(s, g); break DONE
  :: STEP k == 7 -> orphans = ORPHANS_NEXT(orphans, NEW); result = ORPHANED; end_of_insert(s, g); break DONE
  od
}

inline end_of_insert(s, g) {
  if
  :: STATE(word[s]) == READY && GEN(word[s]) == g -> told[s] = g + 1
  :: else
  fi;
  accepted = accepted | BIT(sending);
  sending = 0; k = 0; turns = 0; last = 0; first = 0; e = 0
}

#ifdef IN_ORDER
/* What waited when an exclusive consumer began to look, and waits still, does not come before what it takes now. */
inline nothing_comes_first(s) {
  for (i : 0 .. S - 1) {
    assert((asked & BIT(i)) == 0 || i == s || STATE(word[i]) != READY || RING_OF(word[i]) >= RING_OF(word[s]));
    assert((asked & BIT(i)) == 0 || i == s || STATE(word[i]) != READY || RING_OF(word[i]) != REDELIVERY || body[i] > body[s])
  }
  i = 0
}
#endif

#ifdef CONSUME_LOCK
/* What must hold at each lease: whoever takes may do so, and who is alone is it. */
inline may_take(me) {
  assert(alone_pid == 0 || alone_pid == _pid);
  assert(alone_pid == _pid || JUDGED || (consuming & BIT(_pid)) != 0);
  for (i : 0 .. S - 1) {
    assert(alone_pid == 0 || (STATE(word[i]) != LEASED && STATE(word[i]) != SETTLING) || OWNER(word[i]) == me)
  }
  i = 0
}
#endif

/* The commit of every receive, and what must hold of each lease. */
inline lease(s, me) {
  w = word[s];
  assert((acknowledged & BIT(body[s])) == 0);
  assert((committed & BIT(body[s])) != 0);
  assert((dropped & BIT(body[s])) == 0);
  assert(ATTEMPTS(w) == tries[body[s]]);
  assert(((FLAGS(w) & REDELIVERED) != 0) == ((taken & BIT(body[s])) != 0));
  /* The clock of a new lease has not been started, and can't have run out. */
  assert(TAG(deadline[s]) != GEN(w) || TIME(deadline[s]) == NO_TIME);
#ifdef CONSUME_LOCK
  may_take(me);
#endif
#ifdef IN_ORDER
  if
  :: alone -> nothing_comes_first(s)
  :: else
  fi;
#endif
  tries[body[s]] = tries[body[s]] + !uncounted;
  taken = taken | BIT(body[s]);
  touched[s] = 0;
  mine = WORD(LEASED, FLAGS(w), PRIORITY(w), me, ATTEMPTS(w) + !uncounted, GEN(w));
  word[s] = mine;
  w = 0
}

/* Where a take looks in its turn: the rings as they are numbered, or the other way round. Redelivery alone is order.pml's. */
#ifdef IN_ORDER
#define RING (low_first -> R - 1 - ring : ring)
#define FIRST_RING (alone -> 1 : 0)
#else
#define RING ring
#define FIRST_RING 0
#endif

/* take(), with rw_ring_next() and rw_ring_pass() */
inline take(me) {
  ring = FIRST_RING; k = 0;
  do
  :: STEP k == 0 -> position = head[RING]; k = 1 DONE
  :: STEP k == 1 ->
      e = AT(RING, position);
      if
      :: CYCLE(e) == CYCLE_OF(position) -> k = 2
      :: CYCLE(e) + 1 == CYCLE_OF(position) -> next_ring()
      :: else -> k = 4
      fi;
      if
      :: ring == R -> result = EMPTY; k = 0; ring = 0; position = 0; e = 0; break
      :: else
      fi
    DONE
#ifdef M_HEAD_BEFORE_LEASE
  :: STEP k == 2 -> k = (IS_LIVE(e) -> 6 : 5) DONE
  :: STEP k == 6 -> raise(head[RING], position + 1); k = 7 DONE
  :: STEP k == 7 ->
      if
      :: IS_LIVE(e) -> slot = ENTRY_SLOT(e); lease(slot, me); k = 3
      :: else -> k = 5
      fi
    DONE
#else
  :: STEP k == 2 ->
      if
      :: IS_LIVE(e) -> slot = ENTRY_SLOT(e); lease(slot, me); k = 3
      :: else -> k = 5
      fi
    DONE
#endif
  :: STEP k == 3 ->
      raise(head[RING], position + 1);
      result = GOT; k = 0; ring = 0; position = 0; e = 0;
      break
    DONE
  :: STEP k == 5 -> raise(head[RING], position + 1); position++; k = 1 DONE
  :: STEP k == 4 -> /* overtaken by a whole cycle */
      first = head[RING];
      if
      :: first <= position -> next_ring()
      :: else -> position = first; k = 1
      fi;
      first = 0;
      if
      :: ring == R -> result = EMPTY; k = 0; ring = 0; position = 0; e = 0; break
      :: else
      fi
    DONE
  od
}

inline next_ring() {
  ring++; k = 0; position = 0; e = 0
}
