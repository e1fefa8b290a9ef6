/* The life of one allowed action: intent, attempts, receipt, with crashes between any two steps, two workers, and a network
   that loses, delays and duplicates nothing that the hub could not tell.

   What is modelled is the order of durable steps, as src/warden/engine/{execution,recovery,outbox,retry}.py take it:

     plan -> commit(intent, attempt 1) -> send -> commit(receipt or fault) -> ...
     recovery: commit(attempt n) -> [look up] -> send -> commit(receipt or fault)

   MEANS says how the hub lets one know that something was taken: 0 it keeps idempotency keys, 1 it can be looked up, 2 neither.
   NO_INTENT leaves the intent out of the first commit, FORGET_DOUBT lets an attempt that was perhaps taken be forgotten when a
   later one certainly failed: both must break the properties (`make model` checks that they do).

   Left out: other messages (they share no state but the order within a thread), the person who ends a doubt, and a hub with a
   look-up at which a request arrives after it was looked for. Such a hub cannot promise anything: see `ports.Channel.find`. */

#ifndef MEANS
#define MEANS 0
#endif
#define KEY 0
#define LOOKUP 1
#define NEITHER 2

#define ATTEMPTS 3 /* attempts that were perhaps taken, before a person is asked */
#define AGE 5      /* attempts in all: stands for the age limit */
#define CRASHES 3

mtype = { NEW, OPEN, DONE, DOUBT, DEAD };
mtype = { RECEIPT, CERTAIN, MAYBE, REFUSED };

/* Durable: what the ledger says. `kind` is what was planned; another kind has another idempotency key. */
mtype state = NEW;
byte kind, age, spent;
bool silent;   /* the last attempt is durable and nothing is known of it */
bool doubtful; /* an attempt was perhaps taken */

/* The hub. */
byte effects;
bool taken[2];
bool late[2]; /* a request that is still under way */

/* The world. */
bool held; /* the lock of the cycle: one runner */
byte crashes;

inline take(what) {
  if
  :: MEANS == KEY && taken[what] -> skip /* the same key again: the first result */
  :: else -> effects++; taken[what] = true
  fi
}

/* The process ends here; its lock with it. What was durable stays. */
inline may_crash() {
  if
  :: crashes < CRASHES -> atomic { crashes++; held = false; goto begin }
  :: true -> skip
  fi
}

inline send(what) {
  atomic {
    if
    :: result = CERTAIN /* no connection, 429, 503 */
    :: result = REFUSED /* 4xx */
    :: true -> take(what); result = RECEIPT
    :: true -> take(what); result = MAYBE /* taken, and the answer was lost */
    :: result = MAYBE             /* lost on its way */
    :: MEANS != LOOKUP -> late[what] = true; result = MAYBE
    fi
  }
}

/* Given up: never made, or a person decides. */
inline give_up() {
  if
  :: doubtful -> state = DOUBT
  :: else -> state = DEAD
  fi
}

active [2] proctype Worker() {
  byte mine;
  mtype result;

begin:
  atomic { !held -> held = true }
  if
  :: state == NEW ->
     if :: mine = 0 :: mine = 1 fi; /* a brain need not say the same thing twice */
     may_crash();
#ifndef NO_INTENT
     atomic { state = OPEN; kind = mine; age = 1; silent = true }
     may_crash();
#endif
     send(mine)
  :: state == OPEN ->
     atomic {
       mine = kind;
       if
       :: silent -> doubtful = true; spent++
       :: else -> skip
       fi;
       if
       :: silent && MEANS == NEITHER -> state = DOUBT
       :: silent && spent >= ATTEMPTS -> state = DOUBT
       :: age >= AGE -> give_up()
       :: else -> age++; silent = true
       fi
     }
     if
     :: state != OPEN -> goto over
     :: else -> skip
     fi;
     may_crash();
     if
     :: MEANS == LOOKUP && (taken[mine]) -> result = RECEIPT
     :: MEANS == LOOKUP -> result = CERTAIN
     :: MEANS == LOOKUP -> result = MAYBE
     :: MEANS != LOOKUP || !taken[mine] -> send(mine)
     fi
  :: else -> goto over
  fi;
  may_crash();
  atomic { /* the second commit: receipt or fault, and the disposition that follows */
    silent = false;
    if
    :: state == NEW -> state = OPEN; kind = mine; age = 1
    :: else -> skip
    fi;
    if
    :: result == RECEIPT -> state = DONE
    :: result == REFUSED -> give_up()
    :: result == CERTAIN ->
#ifdef FORGET_DOUBT
       doubtful = false;
#endif
       if
       :: age >= AGE -> give_up()
       :: else -> skip
       fi
    :: result == MAYBE ->
       doubtful = true;
       spent++;
       if
       :: MEANS == NEITHER || spent >= ATTEMPTS || age >= AGE -> state = DOUBT
       :: else -> skip
       fi
    fi
  }
  may_crash();
over:
  held = false;
  if
  :: state == NEW || state == OPEN -> goto begin
  :: else -> skip
  fi
}

/* What is under way arrives when it likes, or never. */
active proctype Network() {
end:
  do
  :: atomic { late[0] -> late[0] = false; if :: true -> take(0) :: true -> skip fi }
  :: atomic { late[1] -> late[1] = false; if :: true -> take(1) :: true -> skip fi }
  od
}

/* Each allowed action takes effect at most once; done means that it did, dead means that it never did (also not later). */
ltl once { [] (effects <= 1 && (state == DONE -> effects == 1) && (state == DEAD -> effects == 0)) }

/* Never lost: it ends done, dead, or in doubt. */
ltl ends { <> (state == DONE || state == DEAD || state == DOUBT) }
