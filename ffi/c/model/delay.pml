/*
 * schedule.c: delayed messages, the earliest due time of a word of slots, and the earliest of all. Both are lower bounds; whoever
 * promotes takes a bound down first, then looks at the slots, then puts it up again.
 * A configuration defines: S slots (of one word), CRASHES, P (4 processes), and START.
 */
#define STEP atomic {
#define DONE }
#define RUNS (victim == 0 || victim == _pid)
#define FREE 0
#define DELAYED 1
#define READY 2

byte state[S], due[S], due_min, next_due, now = 1;
byte crashes, victim, working;
bool gone[P + 1], anyone_died;

/* rw_due_note() and lower(): a CAS that fails looks again, so one step */
inline lower(bound_, ms) {
  if
  :: bound_ == 0 || bound_ > ms -> bound_ = ms
  :: else
  fi
}

/* commit() or nack() of a delayed message */
proctype sender(byte slot; byte at) provided (RUNS) {
  {
    STEP working++ DONE;
#ifdef M_NOTED_BEFORE_STATE
    STEP lower(due_min, at) DONE;
    STEP lower(next_due, at) DONE;
    STEP state[slot] = DELAYED; due[slot] = at DONE;
#else
    STEP state[slot] = DELAYED; due[slot] = at DONE;
    STEP lower(due_min, at) DONE;
    STEP lower(next_due, at) DONE;
#endif
    STEP working--; slot = 0; at = 0; gone[_pid] = true DONE
  } unless { atomic { victim == _pid -> slot = 0; at = 0; victim = 0; gone[_pid] = true; anyone_died = true } }
}

/* rw_promote_due() with promote_word(), as every receive begins */
proctype promoter(byte times) provided (RUNS) {
  byte i, earliest, bound, time;
  {
    do
    :: STEP times == 0 -> gone[_pid] = true; break DONE
    :: STEP times > 0 && (next_due == 0 || next_due > now) -> times-- DONE
    :: STEP times > 0 && next_due != 0 && next_due <= now -> time = now; working++; times-- DONE;
#ifdef M_BOUND_DOWN_AFTERWARDS
      skip;
#else
      STEP next_due = 0 DONE;
#endif
      STEP bound = due_min DONE;
      if
      :: STEP bound != 0 && bound <= time ->
#ifndef M_BOUND_DOWN_AFTERWARDS
          due_min = 0;
#endif
          i = 0; earliest = 0
        DONE;
        do
        :: STEP i < S ->
            if
            :: state[i] == DELAYED && due[i] > time -> lower(earliest, due[i])
            :: state[i] == DELAYED && due[i] <= time -> state[i] = READY; due[i] = 0
            :: else
            fi;
            i++
          DONE
        :: STEP i == S -> i = 0; break DONE
        od;
        STEP
#ifdef M_BOUND_DOWN_AFTERWARDS
          due_min = 0;
#endif
          if
          :: earliest != 0 -> lower(due_min, earliest)
          :: else
          fi;
          earliest = 0
        DONE;
        STEP bound = due_min DONE
      :: STEP else -> skip DONE
      fi;
      STEP
#ifdef M_BOUND_DOWN_AFTERWARDS
        next_due = 0;
#endif
        if
        :: bound != 0 -> lower(next_due, bound)
        :: else
        fi;
        bound = 0; time = 0; working--
      DONE
    od
  } unless {
    atomic { victim == _pid ->
      i = 0; earliest = 0; bound = 0; time = 0; times = 0;
      victim = 0; gone[_pid] = true; anyone_died = true
    }
  }
}

/* Nobody is in between and nobody has died there: both bounds are at or before each due time. */
inline bounds_are_right() {
  for (i : 0 .. S - 1) {
    assert(working > 0 || anyone_died || state[i] != DELAYED || (due_min != 0 && due_min <= due[i]));
    assert(working > 0 || anyone_died || state[i] != DELAYED || (next_due != 0 && next_due <= due[i]))
  }
  i = 0
}

/* Whoever died where: a sweeper's cursor notes each slot again (rw_reschedule()), and then they are right. */
inline cursor_mends() {
  old_min = due_min; old_next = next_due;
  for (i : 0 .. S - 1) {
    if
    :: state[i] == DELAYED -> lower(due_min, due[i]); lower(next_due, due[i])
    :: else
    fi
  }
  for (i : 0 .. S - 1) {
    assert(state[i] != DELAYED || (due_min != 0 && due_min <= due[i] && next_due != 0 && next_due <= due[i]))
  }
  i = 0; due_min = old_min; next_due = old_next; old_min = 0; old_next = 0
}

#define KILL(i) atomic { crashes < CRASHES && victim == 0 && !gone[i] -> victim = i; crashes++ }

proctype environment() {
  byte i, old_min, old_next;
end:
  do
  :: KILL(1)
  :: KILL(2)
  :: KILL(3)
  :: KILL(4)
  :: atomic { victim == 0 && now < 3 -> now++ }
#ifndef NO_JUDGEMENT
  :: d_step { victim == 0 -> bounds_are_right(); cursor_mends() }
#endif
  od
}

init { atomic { START; run environment() } }
