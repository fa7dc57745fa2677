/*
 * consume.c: who may take messages. One lock of the kernel's, shared by everybody who takes, or held by one alone; it goes with its holder,
 * however he goes. Who wants to be alone puts back first what former consumers left, and is refused while somebody else is at that.
 */
#define RECOVERY_TURNS 1

/* rw_start_consuming() */
inline start_consuming() {
  STEP
    if
    :: held_alone == 0 ->
      sharing = sharing | BIT(_pid); result = GOT;
      assert(alone_pid == 0);
      consuming = consuming | BIT(_pid)
    :: else -> result = EMPTY
    fi
  DONE
}

/* put_back_what_is_left(), with somebody_holds_a_lease() */
inline put_back_what_is_left(me) {
  takes = 0; i = 0;
  do
  :: i == 0 ->
    recover_deaths();
    STEP i = 1 DONE
  :: STEP i > 0 && i <= S ->
      if
      :: (STATE(word[i - 1]) == LEASED || STATE(word[i - 1]) == SETTLING) && OWNER(word[i - 1]) != me ->
        if
        :: takes == RECOVERY_TURNS -> i = 0; takes = 0; result = EMPTY; break
        :: else -> i = 0; takes++
        fi
      :: else -> i++
      fi
    DONE
  :: STEP i == S + 1 -> i = 0; takes = 0; orphans = ORPHANS_NEXT(orphans, NEW) DONE;
    rehint();
    STEP result = GOT; break DONE
  od
}

/* rwq_consume_alone() of a handle that has not taken before */
inline consume_alone(me) {
  if
  :: STEP held_alone == 0 && sharing == 0 -> held_alone = _pid DONE;
#ifdef M_ALONE_BEFORE_PUT_BACK
    STEP result = GOT DONE;
#else
    put_back_what_is_left(me);
#endif
    if
    :: STEP result == GOT -> assert(consuming == 0 && alone_pid == 0); alone_pid = _pid; alone = 1 DONE
    :: STEP result == EMPTY -> held_alone = 0 DONE
    fi
  :: STEP else -> result = EMPTY DONE
  fi
}

#ifndef JUDGING
/* rw_detach() and rw_stop_consuming(): leases go back, the oldest first, then the participant's byte, then the consumers' lock. */
inline leave(me) {
  i = 0;
  do
  :: STEP i < S && j == 0 ->
      w = word[i];
      if
      :: OWNER(w) == me && STATE(w) == LEASED -> found[i] = w; over = over | BIT(i)
      :: else
      fi;
      i++; w = 0
    DONE
  :: STEP i == S && j == 0 && over != 0 -> next_found() DONE
  :: j == 2 ->
    make_ready(i, w, ATTEMPTS(w) - 1, FLAGS(w) | REDELIVERED, true);
    STEP i = S; w = 0; j = 0; result = 0 DONE
  :: STEP i == S && j == 0 && over == 0 -> i = 0; break DONE
  od;
  STEP registered[me] = false DONE;
  STEP lock[me] = 0 DONE;
  STEP
    consuming = consuming & (255 - BIT(_pid)); sharing = sharing & (255 - BIT(_pid));
    held_alone = (held_alone == _pid -> 0 : held_alone); alone_pid = (alone_pid == _pid -> 0 : alone_pid);
    gone[_pid] = true
  DONE
}

/* One of many: acknowledges or keeps what it takes, and leaves. */
proctype one_of_many(byte times; byte me) provided (RUNS) {
  LOCALS;
  {
    start_consuming();
    if
    :: result == EMPTY -> atomic { times = 0 }
    :: else
    fi;
    do
    :: times == 0 -> break
    :: else ->
      take(me);
      if
      :: result == GOT ->
        if
        :: true -> free(slot, mine)
        :: true -> skip
        fi
      :: else
      fi;
      atomic { times--; slot = 0; mine = 0; result = 0 }
    od;
    leave(me)
  } unless { die(); atomic { times = 0 } }
}

/* Tries to be alone, acknowledges what it takes, and stays. */
proctype loner(byte tries_left; byte times; byte me) provided (RUNS) {
  LOCALS;
  {
    do
    :: atomic { tries_left == 0 -> gone[_pid] = true; times = 0; result = 0; break }
    :: else ->
      consume_alone(me);
      atomic { tries_left = (result == GOT -> 0 : tries_left - 1) };
      do
      :: atomic { result != GOT || times == 0 -> break }
      :: else ->
        take_in_order(me);
        if
        :: result == GOT -> free(slot, mine)
        :: else
        fi;
        atomic { times--; slot = 0; mine = 0; result = GOT }
      od
    od
  } unless { die(); atomic { times = 0; tries_left = 0; alone = 0 } }
}
#endif
