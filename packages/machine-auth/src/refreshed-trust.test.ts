import { setImmediate as tick } from "node:timers/promises";
import { afterEach, beforeAll, describe, expect, it, onTestFinished, vi } from "vitest";
import { makeTokenIssuer, type TokenIssuer } from "../test/token-issuer.js";
import { type AgedTrust, refreshedTrust, type TrustRefresh, type TrustSourceParts } from "./refreshed-trust.js";
import type { Trust } from "./trust.js";
import { fixedTrust, type TrustSource } from "./trust-source.js";

let issuer: TokenIssuer;
let other: Trust;
beforeAll(async () => {
  issuer = await makeTokenIssuer();
  other = (await makeTokenIssuer()).trust;
});

const sources: TrustSource[] = [];
afterEach(() => sources.splice(0).forEach((source) => source.close()));

const HOUR = 3_600_000;
const fresh = (trust: Trust): AgedTrust => ({ trust, ageMs: 0 });

/** A source over a script of answers, of which the last one stays, and a clock that stands still until it is moved. */
function scripted(answers: (AgedTrust | Error)[], parts: Partial<TrustSourceParts> = {}) {
  const state = { now: 1_000_000, fetches: 0, events: [] as TrustRefresh[] };
  const fetch = () => {
    const answer = answers[Math.min(state.fetches++, answers.length - 1)] ?? new Error("no answer");
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer);
  };
  const source = refreshedTrust({
    origin: "server",
    fetch,
    clock: () => state.now,
    random: () => 0,
    onTrustRefresh: (event) => void state.events.push(event),
    ...parts,
  });
  sources.push(source);
  return { source, state };
}

const down = new Error("connection refused");
const unavailable = (code: string) => expect.objectContaining({ name: "TrustUnavailable", code }) as unknown;

describe("refreshedTrust", () => {
  it("fetches once at the start, whoever waits", async () => {
    const { source, state } = scripted([fresh(issuer.trust)]);
    const all = await Promise.all(Array.from({ length: 50 }, () => source.ready()));
    expect(new Set(all)).toEqual(new Set([issuer.trust]));
    expect(state.fetches).toBe(1);
    expect(source.current()).toBe(issuer.trust);
  });

  it("says that nothing was fetched yet, and tries again no more than once a second", async () => {
    const { source, state } = scripted([down, down, fresh(issuer.trust)]);
    await expect(source.ready()).rejects.toEqual(unavailable("NEVER_FETCHED"));
    await expect(source.ready()).rejects.toEqual(unavailable("NEVER_FETCHED"));
    const after = state.fetches;
    await expect(source.ready()).rejects.toEqual(unavailable("NEVER_FETCHED"));
    expect(state.fetches).toBe(after);
    state.now += 1_000;
    expect(await source.ready()).toBe(issuer.trust);
  });

  it("fetches at most once in thirty seconds for key ids that nobody knows", async () => {
    const { source, state } = scripted([fresh(issuer.trust)]);
    await source.ready();
    for (let i = 0; i < 1_000; i++) await source.refresh();
    expect(state.fetches).toBe(2);
    state.now += 30_000;
    await Promise.all(Array.from({ length: 100 }, () => source.refresh()));
    expect(state.fetches).toBe(3);
  });

  it("keeps what it has while fetches fail, for a day and not longer", async () => {
    const { source, state } = scripted([fresh(issuer.trust), down]);
    await source.ready();
    state.now += 24 * HOUR;
    await source.refresh();
    expect(source.current()).toBe(issuer.trust);
    state.now += 1;
    expect(() => source.current()).toThrow(unavailable("STALE"));
    await expect(source.ready()).rejects.toEqual(unavailable("STALE"));
    await expect(source.refresh()).rejects.toEqual(unavailable("STALE"));
  });

  it("promise 1: the keys' server is away for 25 minutes, and no verifier notices", async () => {
    const { source, state } = scripted([fresh(issuer.trust), down]);
    await source.ready();
    for (let minute = 0; minute < 25; minute++) {
      state.now += HOUR / 60;
      await source.refresh();
      expect(await source.ready()).toBe(issuer.trust);
    }
  });

  it("keeps it for as long as it is told instead", async () => {
    const { source, state } = scripted([fresh(issuer.trust), down], { maxStaleSeconds: 60 });
    await source.ready();
    state.now += 60_000;
    expect(source.current()).toBe(issuer.trust);
    state.now += 1;
    expect(() => source.current()).toThrow(unavailable("STALE"));
  });

  it("counts how old a trust was when it came, and no age from the future", async () => {
    const old = scripted([{ trust: issuer.trust, ageMs: 23 * HOUR }]);
    await old.source.ready();
    old.state.now += HOUR + 1;
    expect(() => old.source.current()).toThrow(unavailable("STALE"));
    const early = scripted([{ trust: issuer.trust, ageMs: -1000 * HOUR }]);
    await early.source.ready();
    early.state.now += 24 * HOUR + 1;
    expect(() => early.source.current()).toThrow(unavailable("STALE"));
    const ancient = scripted([{ trust: issuer.trust, ageMs: 25 * HOUR }]);
    await expect(ancient.source.ready()).rejects.toEqual(unavailable("STALE"));
    const undated = scripted([{ trust: issuer.trust, ageMs: Number.NaN }]);
    await expect(undated.source.ready()).rejects.toEqual(unavailable("STALE"));
  });

  it("fetches by itself, again and again", async () => {
    const { source, state } = scripted([fresh(issuer.trust)], { refreshSeconds: 0.001 });
    await source.ready();
    while (state.fetches < 5) await tick();
  });

  it("stops when it is closed, though a fetch was under way", async () => {
    const { source, state } = scripted([fresh(issuer.trust)], { refreshSeconds: 0.001 });
    source.close();
    await source.ready();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(state.fetches).toBe(1);
  });

  it("does not keep a process alive", async () => {
    const timers = vi.spyOn(globalThis, "setTimeout");
    onTestFinished(() => timers.mockRestore());
    await scripted([fresh(issuer.trust)]).source.ready();
    await tick();
    const keepAlive = timers.mock.results.map(({ value }) => (value as NodeJS.Timeout).hasRef());
    expect(new Set(keepAlive)).toEqual(new Set([false]));
  });

  it("tells of every refresh, and how it went", async () => {
    const { source, state } = scripted([fresh(issuer.trust), down, fresh(issuer.trust), fresh(other)]);
    await source.ready();
    for (let i = 0; i < 3; i++) {
      state.now += 30_000;
      await source.refresh();
    }
    await tick();
    expect(state.events).toEqual([
      { outcome: "updated", from: "server", trust: issuer.trust },
      { outcome: "failed", from: "server", error: down },
      { outcome: "unchanged", from: "server", trust: issuer.trust },
      { outcome: "updated", from: "server", trust: other },
    ]);
  });
});

describe("refreshedTrust with something kept of the last run", () => {
  it("starts with it while the server is down, and says so", async () => {
    const load = () => Promise.resolve({ trust: issuer.trust, ageMs: HOUR });
    const { source, state } = scripted([down], { load });
    expect(await source.ready()).toBe(issuer.trust);
    await source.refresh();
    expect(source.current()).toBe(issuer.trust);
    state.now += 23 * HOUR + 1;
    expect(() => source.current()).toThrow(unavailable("STALE"));
    await tick();
    expect(state.events[0]).toEqual({ outcome: "updated", from: "cache", trust: issuer.trust });
  });

  it("does not wait for the server, and replaces what was kept by what it says", async () => {
    let answer: (trust: AgedTrust) => void = () => undefined;
    const fetch = () => new Promise<AgedTrust>((resolve) => (answer = resolve));
    const load = () => Promise.resolve(fresh(issuer.trust));
    const { source } = scripted([], { load, fetch });
    expect(await source.ready()).toBe(issuer.trust);
    await tick();
    answer(fresh(other));
    expect(await source.refresh()).toBe(other);
  });

  it("waits for the server when nothing was kept, or when it is too old or cannot be read", async () => {
    for (const load of [
      () => Promise.resolve(undefined),
      () => Promise.resolve({ trust: other, ageMs: 25 * HOUR }),
      () => Promise.reject(new Error("damaged")),
    ]) {
      const { source } = scripted([fresh(issuer.trust)], { load });
      expect(await source.ready()).toBe(issuer.trust);
    }
  });
});

it("fixedTrust is what it was given", async () => {
  const source = fixedTrust(issuer.trust);
  const all = [source.current(), await source.ready(), await source.refresh()];
  expect(new Set(all)).toEqual(new Set([issuer.trust]));
  source.close();
});
