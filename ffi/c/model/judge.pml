/*
 * What must hold in every state, whoever does what next. The checker takes these two steps from every state that it reaches, and
 * then goes on from where it was: what they did is undone, so they cost time and no states.
 */
c_decl {
\#include <string.h>
static char before[1024];
}
#define REMEMBER c_code { memcpy(before, (char *)&now, vsize); }
#define GO_BACK c_code { memcpy((char *)&now, before, vsize); }

/* A message whose insertion has returned is found from the shared head, or the flag says that one is not. */
inline hints_are_found() {
  i = 0;
  do
  :: i == S -> break
  :: else ->
    if
    :: STATE(word[i]) == READY && told[i] == GEN(word[i]) + 1 && ORPHANS(orphans) == NONE ->
      find_hint(i, GEN(word[i]));
      assert(result)
    :: else
    fi;
    i++
  od;
  i = 0; result = 0
}

#ifdef USED_BITS
/* Nobody has died and nobody is at work: all free slots are known to be free, without any repair. */
inline bits_are_right() {
  n = 0;
  for (i : 1 .. Q) {
    n = n + gone[i]
  }
  for (i : 0 .. S - 1) {
    assert(n < Q || anyone_died || STATE(word[i]) != FREE || (used & BIT(i)) == 0)
  }
  i = 0; n = 0
}
#else
#define bits_are_right() skip
#endif

#ifdef DROP_OLDEST
/* Exactly once: a drop whose claim is not marked any more is counted, one whose claim is may be. */
inline drops_are_counted() {
  n = 0; k = 0;
  for (i : 1 .. M) {
    n = n + ((dropped & BIT(i)) != 0 -> 1 : 0)
  }
  for (i : 1 .. P) {
    k = k + counted[i]
  }
  assert(k <= n);
  for (i : 0 .. S - 1) {
    k = k + ((FLAGS(word[i]) & EVICTED) != 0 -> 1 : 0)
  }
  i = 0;
  assert(k >= n);
  n = 0; k = 0
}
#else
#define drops_are_counted() skip
#endif

/* Each message lies in one slot. */
inline no_message_twice() {
  hinted = 0; i = 0;
  do
  :: i == S -> break
  :: else ->
    if
    :: STATE(word[i]) == FREE || STATE(word[i]) == CLAIMED
    :: else -> assert(body[i] != 0 && (hinted & BIT(body[i])) == 0); hinted = hinted | BIT(body[i])
    fi;
    i++
  od;
  hinted = 0; i = 0
}

inline rebuild_if_orphaned() {
  if
#ifndef IN_ORDER
  :: ORPHANS(orphans) != NONE -> rehint()
#endif
  :: else
  fi
}

#ifdef IN_ORDER
/* By somebody who is alone. */
#define take_next() alone = 1; take_in_order(0)
#else
#define take_next() take(0)
#endif

/* Everything that can be taken, by somebody new, each message acknowledged; delivered is what came. */
inline drain() {
  begun = 0;
  do
  :: take_next();
    if
    :: result == EMPTY && begun -> break
    :: result == EMPTY && !begun -> rebuild_if_orphaned(); begun = 1
    :: else ->
      begun = 0;
      delivered = delivered | BIT(body[slot]);
      free(slot, mine);
      assert(result == GOT);
      slot = 0; mine = 0
    fi
  od;
  begun = 0; result = 0;
#ifdef IN_ORDER
  until = 0; until_id = 0
#endif
}

#define WAITED_FOR (accepted & ~NOBODY & ~acknowledged_before & ~dropped & ~buried)

#ifdef SETTLING_WAYS
/* Long afterwards. */
inline all_is_due() {
  for (i : 0 .. S - 1) {
    w = word[i];
    if
    :: STATE(w) == DELAYED -> make_ready(i, w, ATTEMPTS(w), FLAGS(w), true)
    :: else
    fi;
    w = 0; result = 0
  }
  i = 0
}
#else
#define all_is_due() skip
#endif

#ifdef CONSUME_LOCK
/* A killed holder excludes nobody: who comes now is alone, and has put back what they left. */
inline everybody_lets_go() {
  for (place : 1 .. P) {
    lock[place] = 0
  }
  place = 0; sharing = 0; consuming = 0; alone_pid = 0;
#ifndef M_EXCLUSION_BY_WORD
  held_alone = 0;
#endif
  consume_alone(0);
  assert(result == GOT);
  result = 0
}

/*
 * Of those who have died, only what a stopped one is putting back is held back. Nobody else takes while one is alone, stopped or not;
 * then, and only then, nobody new gets anything.
 */
inline only_the_living_hold() {
  recover_deaths();
  for (i : 0 .. S - 1) {
    assert((STATE(word[i]) != LEASED && STATE(word[i]) != SETTLING) || lock[OWNER(word[i])] != 0)
  }
  i = 0;
  held_alone = 0; sharing = 0; consuming = 0; alone_pid = 0
}
#endif

inline everybody_dies() {
  acknowledged_before = acknowledged; delivered = 0;
#ifdef CONSUME_LOCK
  everybody_lets_go();
#else
  for (place : 1 .. P) {
    lock[place] = 0;
    if
    :: registered[place] -> orphans = ORPHANS_NEXT(orphans, NEW); recover(place, 0); FORGET_DROP(place); registered[place] = 0
    :: else
    fi
  }
  place = 0;
#endif
  all_is_due();
  drain();
#ifdef USED_BITS
  used_repair();
  assert(used == 0);
#endif
  for (i : 0 .. S - 1) {
    assert(STATE(word[i]) == FREE || STATE(word[i]) == BURIED)
  }
  i = 0;
  drops_are_counted();
  assert((WAITED_FOR & ~delivered) == 0);
  assert((delivered & ~committed) == 0);
  assert((delivered & acknowledged_before) == 0)
}

/*
 * Nobody dies, but nobody moves any more either, for longer than any lease. Somebody new sweeps: what stays READY while all rings are
 * empty is taken for a message without a hint (judge_suspect). Only what is in the hands of a settling owner has to wait.
 */
inline everybody_stops() {
  acknowledged_before = acknowledged; delivered = 0;
#ifdef CONSUME_LOCK
  only_the_living_hold();
#endif
  all_is_due();
  for (again : 0 .. 1) {
    drain();
    for (i : 0 .. S - 1) {
      if
      :: STATE(word[i]) == LEASED && OWNER(word[i]) != 0 ->
        w = word[i];
        word[i] = WORD(READY, FLAGS(w) | REDELIVERED, PRIORITY(w), 0, ATTEMPTS(w), GEN(w) + 1);
        w = 0
      :: else
      fi
    }
    i = 0;
    orphans = ORPHANS_NEXT(orphans, NEW)
  }
  again = 0;
  for (i : 0 .. S - 1) {
    assert(STATE(word[i]) != READY && STATE(word[i]) != LEASED);
    if
    :: STATE(word[i]) == SETTLING -> delivered = delivered | BIT(body[i])
    :: else
    fi
  }
  i = 0;
  assert((WAITED_FOR & ~delivered) == 0);
  assert((delivered & ~committed) == 0);
  assert((delivered & acknowledged_before) == 0)
}

#define KILL(i) atomic { crashes < CRASHES && victim == 0 && !gone[i] -> victim = i; crashes++ }

/* The environment: it may kill, and it judges. */
proctype environment() {
  LOCALS;
  byte delivered, acknowledged_before, again;
end: do
  :: KILL(1)
#if VICTIMS > 1
  :: KILL(2)
#endif
#if VICTIMS > 2
  :: KILL(3)
#endif
#if VICTIMS > 3
  :: KILL(4)
#endif
#ifdef SETTLING_WAYS
  :: atomic { clock < 1 && victim == 0 -> clock++ }
#endif
#ifndef NO_JUDGEMENT
  :: d_step { victim == 0 -> REMEMBER; bits_are_right(); drops_are_counted(); hints_are_found(); no_message_twice(); everybody_dies(); GO_BACK }
  :: d_step { victim == 0 -> REMEMBER; everybody_stops(); GO_BACK }
#endif
  od
}
