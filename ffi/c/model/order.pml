/*
 * Which of several messages comes first. An exclusive consumer is served strictly: what was given back before all else and by age, then
 * by priority. Everybody else takes the first that he finds, and begins at the lowest ring every so often.
 * What an exclusive consumer takes is judged where it leases: nothing_comes_first().
 */
#define NO_RING R

/* Which messages wait, for whoever begins to look: those that a hint leads to, and all of them while the flag says that hints are missing. */
inline look_who_waits() {
  asked = 0;
  for (i : 0 .. S - 1) {
    if
    :: STATE(word[i]) == READY && ORPHANS(orphans) != NONE -> asked = asked | BIT(i)
    :: STATE(word[i]) == READY && ORPHANS(orphans) == NONE ->
      find_hint(i, GEN(word[i]));
      asked = (result -> asked | BIT(i) : asked);
      result = 0
    :: else
    fi
  }
  i = 0
}

/* The redelivery ring's part of an exclusive consumer's take(), with rw_ring_next() and rw_ring_oldest(). */
inline take_oldest(me) {
  ring = REDELIVERY; k = 0;
  do
  :: STEP k == 0 -> position = head[ring]; k = 1 DONE
  :: STEP k == 1 ->
      e = AT(ring, position);
      if
      :: CYCLE(e) == CYCLE_OF(position) -> k = 2
      :: CYCLE(e) + 1 == CYCLE_OF(position) -> result = EMPTY; end_of_take_oldest(); break
      :: else -> k = 4
      fi
    DONE
  :: STEP k == 2 ->
      if
      :: IS_LIVE(e) ->
        slot = ENTRY_SLOT(e); w = word[slot]; oldest = body[slot]; first = position; ordered = 1; n = 0;
        last = (until > position -> until : position + 1);
        last_id = (until > position -> until_id : oldest);
#ifdef M_FIRST_FOR_OLDEST
        k = 10
#else
        k = 8
#endif
      :: else -> k = 5
      fi
    DONE
  :: STEP k == 5 -> raise(head[ring], position + 1); position++; k = 1 DONE
  :: STEP k == 4 ->
      first = head[ring];
      if
      :: first <= position -> result = EMPTY; end_of_take_oldest(); break
      :: else -> position = first; k = 1
      fi;
      first = 0
    DONE
  :: STEP k == 8 ->
      e = AT(ring, last);
      k = (n > N || CYCLE(e) != CYCLE_OF(last) -> 10 : 9)
    DONE
  :: STEP k == 9 ->
      if
      :: IS_LIVE(e) ->
        i = ENTRY_SLOT(e);
        ordered = (body[i] < last_id -> 0 : ordered);
        last_id = body[i];
        if
        :: body[i] < oldest -> oldest = body[i]; position = last; slot = i; w = word[i]
        :: else
        fi;
        i = 0
      :: else
      fi;
      last++; n++; k = 8;
      if
      :: ordered -> until = last; until_id = last_id
      :: else
      fi
    DONE
  :: STEP k == 10 ->
      if
      :: word[slot] == w && position == first -> lease(slot, me); k = 3
      :: word[slot] == w && position != first -> lease(slot, me); result = GOT; end_of_take_oldest(); break
      :: else -> position = first; k = 1; w = 0; slot = 0
      fi
    DONE
  :: STEP k == 3 -> raise(head[ring], first + 1); result = GOT; end_of_take_oldest(); break DONE
  od
}

inline end_of_take_oldest() {
  k = 0; ring = 0; position = 0; first = 0; last = 0; last_id = 0; oldest = 0; ordered = 0; n = 0; e = 0; w = 0;
  slot = (result == GOT -> slot : 0)
}

/* take_unhinted(): the slots themselves say what is there, and which of it is next. */
inline take_unhinted(me) {
  k = 0; ring = NO_RING;
  do
  :: STEP k == 0 && i < S ->
      if
      :: STATE(word[i]) == READY && (RING_OF(word[i]) < ring || (RING_OF(word[i]) == ring && body[i] < oldest)) ->
        ring = RING_OF(word[i]); oldest = body[i]; slot = i; w = word[i]
      :: else
      fi;
      i++
    DONE
  :: STEP k == 0 && i == S && ring == NO_RING -> result = EMPTY; i = 0; ring = 0; break DONE
  :: STEP k == 0 && i == S && ring != NO_RING ->
      if
      :: word[slot] == w -> lease(slot, me); result = GOT; i = 0; ring = 0; oldest = 0; break
      :: else -> i = 0; ring = NO_RING; oldest = 0; slot = 0; w = 0
      fi
    DONE
  od
}

#define BEGIN 0
#define REBUILD 1
#define HINTED 2
#define UNHINTED 3
#define REBUILD_AGAIN 4
#define HINTED_AGAIN 5

/* take_or_rebuild() of an exclusive consumer */
inline take_in_order(me) {
  do
#ifdef M_FLAG_WHEN_EMPTY
  :: STEP phase == BEGIN -> look_who_waits(); phase = HINTED DONE
#else
  :: STEP phase == BEGIN -> look_who_waits(); phase = (ORPHANS(orphans) == NONE -> HINTED : REBUILD) DONE
#endif
  :: phase == REBUILD || phase == REBUILD_AGAIN ->
    rehint();
    STEP phase = (phase == REBUILD_AGAIN -> HINTED_AGAIN : (ORPHANS(orphans) == NONE -> HINTED : UNHINTED)) DONE
  :: phase == HINTED || phase == HINTED_AGAIN ->
    take_oldest(me);
    if
    :: result == EMPTY -> take(me)
    :: else
    fi;
    if
    :: STEP result == GOT -> phase = BEGIN; break DONE
    :: STEP result == EMPTY && phase == HINTED && ORPHANS(orphans) != NONE -> phase = REBUILD_AGAIN DONE
    :: STEP result == EMPTY && phase == HINTED_AGAIN && ORPHANS(orphans) == TRIED -> phase = UNHINTED DONE
    :: STEP else -> phase = BEGIN; break DONE
    fi
  :: phase == UNHINTED -> take_unhinted(me); STEP phase = BEGIN; break DONE
  od;
  STEP asked = 0 DONE
}

#ifndef JUDGING
/* Takes alone; acknowledges, gives back at once, or keeps what it has until the lease is over. */
proctype exclusive(byte times; byte me) provided (RUNS) {
  LOCALS;
  {
    atomic { alone = 1 };
    do
    :: atomic { times == 0 -> gone[_pid] = true; until = 0; until_id = 0; alone = 0; break }
    :: else ->
      take_in_order(me);
      if
      :: result == GOT ->
        if
        :: true -> free(slot, mine)
        :: true -> make_ready(slot, mine, ATTEMPTS(mine), FLAGS(mine) | REDELIVERED, true)
        :: true -> skip
        fi
      :: else
      fi;
      atomic { times--; slot = 0; mine = 0; result = 0 }
    od
  } unless { die(); atomic { times = 0; alone = 0 } }
}

/*
 * Not alone: every LOWEST_FIRST_EVERY-th take begins at the lowest ring, from any count on. So a message that waits at its front when
 * takes begin is passed over by at most all the others of a turn.
 */
#ifdef LOWEST_FIRST_EVERY
#define LOWEST (R - 1)
proctype fair(byte times; byte me) provided (RUNS) {
  LOCALS;
  {
    atomic { select (takes : 0 .. LOWEST_FIRST_EVERY - 1) };
    do
    :: atomic { times == 0 -> gone[_pid] = true; takes = 0; passed_over = 0; break }
    :: else ->
      atomic {
        takes = (takes + 1) % LOWEST_FIRST_EVERY;
#ifndef M_LOWEST_NEVER_FIRST
        low_first = (takes == 0);
#endif
        look_who_waits();
        i = 0;
        do
        :: i == S || ((asked & BIT(i)) != 0 && RING_OF(word[i]) == LOWEST) -> break
        :: else -> i++
        od;
        asked = (i < S); i = 0
      };
      take(me);
      if
      :: atomic { result == GOT && asked && RING_OF(mine) != LOWEST -> passed_over++; assert(passed_over < LOWEST_FIRST_EVERY) }
      :: atomic { else -> passed_over = 0 }
      fi;
      atomic { asked = 0; low_first = 0 };
      if
      :: result == GOT ->
        if
        :: true -> free(slot, mine)
        :: true -> make_ready(slot, mine, ATTEMPTS(mine), FLAGS(mine) | REDELIVERED, true)
        fi
      :: else
      fi;
      atomic { times--; slot = 0; mine = 0; result = 0 }
    od
  } unless { die(); atomic { times = 0 } }
}
#endif
#endif
