/*
 * Attempts that are counted in place: a lease that is none yet (RWQ_TAKE_UNCOUNTED), and who tries again without giving it back. The
 * generation stays, and with it the deadline, so that a lease that was marked as expired is over whatever was counted meanwhile.
 */
#define TOO_MANY 2

/* rwq_count_attempt(), with rw_renew_as() where nobody renews; result: GOT, TOO_MANY, or EMPTY for a lease that is lost */
inline count_attempt(s, me) {
  if
  :: STEP word[s] == mine -> skip DONE;
    if
    :: STEP TAG(deadline[s]) == GEN(mine) && TIME(deadline[s]) == EXPIRED -> result = EMPTY DONE
    :: STEP else -> result = (ATTEMPTS(mine) < MAX_DELIVER -> GOT : TOO_MANY) DONE
    fi;
    if
    :: result != GOT
    :: else ->
      if
#ifdef M_COUNT_BY_STORE
      :: STEP true ->
#else
      :: STEP word[s] == mine ->
#endif
          mine = WORD(LEASED, FLAGS(mine), PRIORITY(mine), me, ATTEMPTS(mine) + 1, GEN(mine));
          word[s] = mine;
          tries[body[s]]++;
          assert(tries[body[s]] <= MAX_DELIVER)
        DONE
#ifndef M_COUNT_BY_STORE
      :: STEP else -> result = EMPTY DONE
#endif
      fi
    fi
  :: STEP else -> result = EMPTY DONE
  fi
}

/* rwq_nack() without a delay, of a lease that was counted: as a failed attempt, or as none */
inline nack(s, me) {
  if
  :: ATTEMPTS(mine) >= MAX_DELIVER -> bury(s, mine, me, tries[body[s]] == MAX_DELIVER)
  :: ATTEMPTS(mine) < MAX_DELIVER -> make_ready(s, mine, ATTEMPTS(mine), FLAGS(mine) | REDELIVERED, tries[body[s]] < MAX_DELIVER)
  :: ATTEMPTS(mine) > 0 -> make_ready(s, mine, ATTEMPTS(mine) - 1, FLAGS(mine) | REDELIVERED, true)
  fi
}

/* Takes uncounted, tries as often as it likes, and settles, or keeps the lease until it is over. */
proctype trier(byte times; byte me) provided (RUNS) {
  LOCALS;
  {
    atomic { uncounted = 1 };
    do
    :: atomic { times == 0 -> gone[_pid] = true; uncounted = 0; break }
    :: else ->
      take(me);
      do
      :: atomic { result == GOT -> skip };
        count_attempt(slot, me)
      :: atomic { result == GOT -> j = 1; break }
      :: atomic { result == TOO_MANY -> j = 2; break }
      :: atomic { result == EMPTY -> break }
      od;
      if
      :: j == 1 -> free(slot, mine)
      :: j == 1 || j == 2 -> nack(slot, me)
      :: j == 0 || j == 1 -> skip
      fi;
      atomic { times--; slot = 0; mine = 0; result = 0; j = 0 }
    od
  } unless { die(); atomic { times = 0; uncounted = 0 } }
}
