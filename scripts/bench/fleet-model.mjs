// A fleet under a virtual clock: machines that keep their tokens by the code that tokend runs, and servers that mint so many
// tokens a second and turn the rest away.
import {
  afterFailure,
  afterSuccess,
  isUsable,
  NO_TOKEN,
  refreshAfterMs,
  refreshWaitMs,
  splayOf,
} from "@tokens/client/schedule";

/** Numbers from 0 to 1 that look random, the same for the same seed (mulberry32). */
export function randomFrom(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const at = (ms) => ({ wallMs: ms, monotonicMs: ms });

class Machine {
  /** From when on it has no token that it can use; undefined as long as it has one. */
  lostMs;
  longestWithoutMs = 0;

  constructor(name) {
    this.splay = splayOf(name);
    this.state = NO_TOKEN;
  }

  /** When it does something next: its schedule asks to be asked again each minute, but here no clock jumps. */
  nextMs(nowMs) {
    const wakesMs = nowMs + refreshWaitMs(this.state, at(nowMs), this.splay);
    const { life } = this.state;
    return life ? Math.max(wakesMs, life.obtained.monotonicMs + refreshAfterMs(life, this.splay)) : wakesMs;
  }

  got(nowMs, lifetimeMs) {
    this.note(nowMs);
    this.lostMs = undefined;
    this.state = afterSuccess({ obtained: at(nowMs), expiryMs: nowMs + lifetimeMs }, at(nowMs));
  }

  failed(nowMs, random) {
    this.state = afterFailure(this.state, at(nowMs), random);
  }

  /** A new image: the token is gone, and everything that was known. */
  wipe(nowMs) {
    this.note(nowMs);
    this.lostMs = nowMs;
    this.state = NO_TOKEN;
  }

  /** Counts the time without a token up to now. */
  note(nowMs) {
    const { life } = this.state;
    if (life && !isUsable(life, at(nowMs))) this.lostMs ??= life.expiryMs;
    if (this.lostMs !== undefined) this.longestWithoutMs = Math.max(this.longestWithoutMs, nowMs - this.lostMs);
  }
}

/** Everything that happens, second by second: what is planned for a second is done in it. */
class Agenda {
  #seconds = new Map();

  /** What a machine does next; what was planned for it before no longer counts. */
  plan(machine, ms) {
    machine.plannedMs = ms;
    this.#add({ ms, machine, isWipe: false });
  }

  planWipe(machine, ms) {
    this.#add({ ms, machine, isWipe: true });
  }

  *of(second) {
    // Also what is planned for this second while it lasts.
    yield* this.#seconds.get(second) ?? [];
    this.#seconds.delete(second);
  }

  #add(event) {
    const second = Math.floor(event.ms / 1000);
    const events = this.#seconds.get(second);
    if (events) events.push(event);
    else this.#seconds.set(second, [event]);
  }
}

/**
 * Plays a fleet and counts. `mintsPerSecond` is what all servers together can do. `outage` and `reimage` are
 * `{from, until}` in seconds: while the one lasts no server answers; within the other each machine is imaged anew once.
 */
export function playFleet({ machines, mintsPerSecond, lifetimeSeconds, seconds, outage, reimage, seed = 1 }) {
  const random = randomFrom(seed);
  const agenda = new Agenda();
  const lifetimeMs = lifetimeSeconds * 1000;
  const fleet = Array.from({ length: machines }, (_, i) => new Machine(`host-${i}.fleet.example.com`));
  for (const machine of fleet) {
    // In the middle of things: each got its token at some time of its own.
    const life = { obtained: at(0), expiryMs: lifetimeMs };
    machine.got(-random() * refreshAfterMs(life, machine.splay), lifetimeMs);
    agenda.plan(machine, Math.max(0, machine.nextMs(0)));
    if (reimage) agenda.planWipe(machine, (reimage.from + random() * (reimage.until - reimage.from)) * 1000);
  }
  const attempts = new Float64Array(seconds);
  const mints = new Float64Array(seconds);
  for (let second = 0; second < seconds; second++) {
    const isOut = outage && second >= outage.from && second < outage.until;
    for (const { ms, machine, isWipe } of agenda.of(second)) {
      if (isWipe) machine.wipe(ms);
      else if (machine.plannedMs !== ms) continue;
      if (machine.nextMs(ms) <= ms) {
        attempts[second]++;
        if (!isOut && mints[second] < mintsPerSecond) {
          mints[second]++;
          machine.got(ms, lifetimeMs);
        } else machine.failed(ms, random());
      }
      agenda.plan(machine, machine.nextMs(ms));
    }
  }
  return {
    attempts,
    mints,
    withoutMs: fleet.map((machine) => (machine.note(seconds * 1000), machine.longestWithoutMs)),
  };
}

/** What a play comes to: rates a second, and how many machines were ever without a token, for how long at most. */
export function summary({ attempts, mints, withoutMs }) {
  const mean = mints.reduce((sum, count) => sum + count, 0) / mints.length;
  const without = withoutMs.filter((ms) => ms > 0);
  return {
    meanMints: mean,
    peakMints: mints.reduce((most, count) => Math.max(most, count)),
    peakAttempts: attempts.reduce((most, count) => Math.max(most, count)),
    shareWithout: without.length / withoutMs.length,
    longestWithoutSeconds: without.reduce((most, ms) => Math.max(most, ms), 0) / 1000,
  };
}
