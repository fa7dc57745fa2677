/*
 * wait.c: the eventcount with its set of armed waiters, and pass-on. What waits is only counted: `ready` messages.
 * A slice may end early, SLICES times; at the latest it ends when nobody else can move. Then a message may be lying there for a
 * sleeper only if somebody died, or was recovered, while this very wait was under way.
 * A configuration defines: P participants, SLICES, CRASHES and START; participant i has _pid i.
 */
#define STEP atomic {
#define DONE }
#define BIT(i) (1 << (i))
#define RUNS (victim == 0 || victim == _pid)

byte ready, event /* seq << 1 | somebody waits */, armed;
byte wake[P + 1], seen_wake[P + 1], watch[P + 1];
bool socket[P + 1]; /* an event loop: its wake-ups can be passed on */
bool registered[P + 1], gone[P + 1];
byte crashes, victim, slices = SLICES;
byte futile; /* how often in a row a publisher went to wake somebody, and nobody had armed since */
#define FUTILE_MAX 2
byte dead; /* not recovered yet */
byte waiting, disturbed; /* sets: who is about to sleep, and whose wait saw a death or a recovery */
#ifdef M_WAITER_COUNT
byte waiters, tokens;
#endif

/* rw_wake_one(), with take_armed() and deliver_wake() */
inline wake_one() {
#ifdef M_WAITER_COUNT
  STEP
    if
    :: armed == 0 -> futile++; assert(futile <= FUTILE_MAX)
    :: else
    fi;
    tokens++
  DONE
#else
  STEP seen = event; k = (seen & 1 -> 1 : 5) DONE;
  do
  :: STEP k == 1 && armed != 0 ->
      i = 1;
      do
      :: (armed & BIT(i)) == 0 -> i++
      :: (armed & BIT(i)) != 0 && (armed >> (i + 1)) != 0 -> i++ /* the waiters take turns: any one */
      :: (armed & BIT(i)) != 0 -> break
      od;
      armed = armed & (255 - BIT(i)); k = 2
    DONE
  :: STEP k == 1 && armed == 0 ->
      if
      :: event == seen -> event = seen & 254; k = 5; futile++; assert(futile <= FUTILE_MAX)
      :: else -> seen = event; k = (seen & 1 -> 1 : 5)
      fi
    DONE
  :: STEP k == 2 ->
      if
      :: registered[i] -> wake[i]++; k = (socket[i] -> 3 : 5)
      :: else -> k = 1
      fi
    DONE
  :: STEP k == 3 ->
      if
      :: armed != 0 -> watch[i]++
      :: else
      fi;
      k = 5
    DONE
  :: STEP k == 5 -> k = 0; i = 0; seen = 0; break DONE
  od
#endif
}

/* arm(): the bit, then the event, then the look at the queue. */
inline arm() {
  STEP seen_wake[_pid] = wake[_pid]; waiting = waiting | BIT(_pid); disturbed = disturbed & (255 - BIT(_pid)) DONE;
#ifdef M_WAITER_COUNT
  STEP waiters++; armed = armed | BIT(_pid); futile = 0 DONE
#elif defined(M_EVENT_BEFORE_BIT)
  STEP event = ((event >> 1) + 1) << 1 | 1 DONE;
  STEP armed = armed | BIT(_pid); futile = 0 DONE
#else
  STEP armed = armed | BIT(_pid); futile = 0 DONE;
  STEP event = ((event >> 1) + 1) << 1 | 1 DONE
#endif
}

inline die() {
  atomic { victim == _pid ->
    i = 0; k = 0; seen = 0; value = 0; chain = false; times = 0;
    victim = 0; gone[_pid] = true; dead = _pid; waiting = waiting & (255 - BIT(_pid)); disturbed = waiting
  }
}

/* rw_signal() */
inline signal() {
  if
#ifdef M_WAITER_COUNT
  :: STEP waiters > 0 -> skip DONE; wake_one()
#else
  :: STEP (event & 1) != 0 -> skip DONE; wake_one()
#endif
  :: STEP else -> skip DONE
  fi
}

proctype publisher(byte times) provided (RUNS) {
  byte i, k, seen, value;
  bool chain;
  {
    do
    :: STEP times > 0 -> ready++; times-- DONE; signal()
    :: STEP times == 0 -> gone[_pid] = true; break DONE
    od
  } unless { die() }
}

/* rwq_receive() and rwq_wait(), for ever; who is woken wakes the next if there is more. */
proctype consumer() provided (RUNS) {
  byte i, k, seen, value, times;
  bool chain;
  {
    do
    :: STEP ready > 0 ->
        ready--; seen_wake[_pid] = wake[_pid]
      DONE;
      if
      :: STEP chain && (event & 1) != 0 -> chain = false DONE;
        if
        :: STEP ready > 0 -> skip DONE; wake_one()
        :: STEP else -> skip DONE
        fi
      :: STEP else -> chain = false DONE
      fi
    #ifdef M_WAITER_COUNT
    :: STEP ready == 0 -> value = tokens DONE;
#else
    :: STEP ready == 0 -> value = wake[_pid] DONE;
#endif
      arm();
      chain = true;
      if
#ifndef M_NO_LOOK_AFTER_ARMING
      :: STEP ready > 0 -> skip DONE
#endif
      :: STEP else -> skip DONE;
end_asleep:
        if
#ifdef M_WAITER_COUNT
        :: STEP tokens != value -> waiters-- DONE
#else
        :: STEP wake[_pid] != value -> skip DONE
#endif
        :: STEP slices > 0 -> slices-- DONE
        :: STEP timeout && ready > 0 -> assert((disturbed & BIT(_pid)) != 0) DONE
        fi
      fi;
      STEP
        armed = armed & (255 - BIT(_pid)); seen_wake[_pid] = wake[_pid]; value = 0;
        waiting = waiting & (255 - BIT(_pid)); disturbed = disturbed & (255 - BIT(_pid))
      DONE
    od
  } unless { die() }
}

/* An event loop that arms once and then computes for ever; its pass-on thread passes the wake-up on. */
proctype busy_loop() provided (RUNS) {
  byte i, k, seen, value, times;
  bool chain;
  {
    STEP socket[_pid] = true DONE;
    arm();
    if
    :: STEP ready > 0 -> armed = armed & (255 - BIT(_pid)) DONE
    :: STEP else -> skip DONE
    fi;
#ifdef M_NO_PASS_ON
    atomic { gone[_pid] = true }
#else
end_watching:
    do
    :: STEP watch[_pid] != value -> value = watch[_pid] DONE;
      if
      :: STEP seen_wake[_pid] != wake[_pid] && ready > 0 -> skip DONE; wake_one()
      :: STEP else -> skip DONE
      fi
    od
#endif
  } unless { die() }
}

#define KILL(i) atomic { crashes < CRASHES && victim == 0 && !gone[i] -> victim = i; crashes++ }

/* Kills, and recovers who was killed: forget(). */
proctype environment() {
end:
  do
  :: KILL(1)
  :: KILL(2)
#if P > 2
  :: KILL(3)
#endif
  :: atomic { dead != 0 -> registered[dead] = false; armed = armed & (255 - BIT(dead)); dead = 0; disturbed = waiting }
  :: atomic { crashes < CRASHES && victim == 0 -> crashes = CRASHES } /* nobody dies any more, so that there is an end */
  od
}

init {
  atomic {
    for (crashes : 1 .. P) {
      registered[crashes] = true
    }
    crashes = 0;
    START;
    run environment()
  }
}
