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

/* Is there a hint of the current cycle, between the shared head and the first entry of an older one? */
inline find_hint(s, g) {
  result = 0; ring = RING_OF(word[s]); position = head[ring]; n = 0;
  do
  :: n == N || CYCLE(AT(ring, position)) != CYCLE_OF(position) -> break
  :: else ->
    if
    :: ENTRY_SLOT(AT(ring, position)) == s && ENTRY_GEN(AT(ring, position)) == (g & 31) -> result = 1; break
    :: else -> position++; n++
    fi
  od;
  ring = 0; position = 0; n = 0
}

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
/* Whether the one that dropped a message counted it, or whoever recovered its claim: once, unless it died in between. */
inline drops_are_counted() {
  n = 0;
  for (i : 1 .. M) {
    n = n + ((dropped & BIT(i)) != 0 -> 1 : 0)
  }
  for (i : 0 .. S - 1) {
    n = n - ((FLAGS(word[i]) & EVICTED) != 0 -> 1 : 0)
  }
  i = 0;
  assert(counted == n);
  n = 0
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
  :: ORPHANS(orphans) != NONE -> rehint()
  :: else
  fi
}

/* Everything that can be taken, by somebody new, each message acknowledged; delivered is what came. */
inline drain() {
  begun = 0;
  do
  :: take(0);
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
  begun = 0; result = 0
}

#define WAITED_FOR (accepted & ~NOBODY & ~acknowledged_before & ~dropped & ~buried)

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

inline everybody_dies() {
  acknowledged_before = acknowledged; delivered = 0;
  for (place : 1 .. P) {
    lock[place] = 0;
    if
    :: registered[place] -> orphans = ORPHANS_NEXT(orphans, NEW); recover(place, 0); registered[place] = 0
    :: else
    fi
  }
  place = 0;
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
  all_is_due();
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
  orphans = ORPHANS_NEXT(orphans, NEW);
  drain();
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
  byte delivered, acknowledged_before;
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
