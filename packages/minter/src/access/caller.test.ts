import { Code } from "@connectrpc/connect";
import { describe, expect, it } from "vitest";
import { Refusal, Unavailable } from "../errors.js";
import { type CredentialKind, identifyPeer } from "./caller.js";

const call = { headers: new Headers(), clientCertificate: undefined, nowMs: 0 };
const proves = (identity: string | undefined): CredentialKind => ({ identify: async () => identity });
const fails = (error: Error): CredentialKind => ({ identify: () => Promise.reject(error) });

describe("identifyPeer", () => {
  it("takes a call without any credential for anonymous", async () => {
    expect(await identifyPeer(call, [])).toBe("anonymous:anonymous");
    expect(await identifyPeer(call, [proves(undefined), proves(undefined)])).toBe("anonymous:anonymous");
  });

  it("believes one credential, or several that agree", async () => {
    expect(await identifyPeer(call, [proves(undefined), proves("bot:a.b")])).toBe("bot:a.b");
    expect(await identifyPeer(call, [proves("bot:a.b"), proves("bot:a.b")])).toBe("bot:a.b");
  });

  it("refuses credentials of different callers, in any order", async () => {
    for (const kinds of [
      [proves("bot:a.b"), proves("user:a@b")],
      [proves("user:a@b"), proves(undefined), proves("bot:a.b")],
    ]) {
      const error = await identifyPeer(call, kinds).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: Code.Unauthenticated,
        message: expect.stringContaining("different callers"),
      });
    }
  });

  it("never falls back: one bad credential beside a good one, or beside none, is refused", async () => {
    const bad = fails(new Refusal(Code.Unauthenticated, undefined, "bad", "bad"));
    await expect(identifyPeer(call, [bad])).rejects.toThrow(Refusal);
    await expect(identifyPeer(call, [proves("bot:a.b"), bad])).rejects.toThrow(Refusal);
    await expect(identifyPeer(call, [proves("bot:a.b"), fails(new Unavailable("later"))])).rejects.toThrow(Unavailable);
  });
});
