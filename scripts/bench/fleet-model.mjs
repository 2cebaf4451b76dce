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

/** Who does something in which second. Lists of machines and no objects for what they do: there are millions of entries. */
class Agenda {
  #seconds = new Map();

  add(machine, ms) {
    const second = Math.floor(ms / 1000);
    const machines = this.#seconds.get(second);
    if (machines) machines.push(machine);
    else this.#seconds.set(second, [machine]);
  }

  /** Those of this second, also who is added while it lasts. */
  *of(second) {
    yield* this.#seconds.get(second) ?? [];
    this.#seconds.delete(second);
  }
}

/**
 * Plays a fleet and counts. `mintsPerSecond` is what all servers together can do. `outage` and `reimage` are
 * `{from, until}` in seconds: while the one lasts no server answers; within the other each machine is imaged anew once.
 */
export function playFleet({ machines, mintsPerSecond, lifetimeSeconds, seconds, outage, reimage, seed = 1 }) {
  const random = randomFrom(seed);
  const lifetimeMs = lifetimeSeconds * 1000;
  const [agenda, wipes] = [new Agenda(), new Agenda()];
  const plan = (machine, ms) => agenda.add(machine, (machine.plannedMs = ms));
  const fleet = Array.from({ length: machines }, (_, i) => new Machine(`host-${i}.fleet.example.com`));
  for (const machine of fleet) {
    // In the middle of things: each got its token at some time of its own.
    const life = { obtained: at(0), expiryMs: lifetimeMs };
    machine.got(-random() * refreshAfterMs(life, machine.splay), lifetimeMs);
    plan(machine, Math.max(0, machine.nextMs(0)));
    if (reimage) wipes.add(machine, (reimage.from + random() * (reimage.until - reimage.from)) * 1000);
  }
  const attempts = new Float64Array(seconds);
  const mints = new Float64Array(seconds);
  for (let second = 0; second < seconds; second++) {
    const isOut = outage && second >= outage.from && second < outage.until;
    for (const machine of wipes.of(second)) {
      machine.wipe(second * 1000);
      plan(machine, second * 1000);
    }
    for (const machine of agenda.of(second)) {
      const ms = machine.plannedMs;
      // What a machine had planned before it was wiped no longer counts.
      if (Math.floor(ms / 1000) !== second) continue;
      if (machine.nextMs(ms) <= ms) {
        attempts[second]++;
        if (!isOut && mints[second] < mintsPerSecond) {
          mints[second]++;
          machine.got(ms, lifetimeMs);
        } else machine.failed(ms, random());
      }
      plan(machine, machine.nextMs(ms));
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
