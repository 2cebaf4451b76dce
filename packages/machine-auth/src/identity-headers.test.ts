import { describe, expect, it } from "vitest";
import type { Authentication } from "./authenticate.js";
import { TokenRejected, TrustUnavailable } from "./errors.js";
import { identityHeaders, isForged } from "./identity-headers.js";

const machine = {
  identity: "bot:host-1.example.com",
  machineFqdn: "host-1.example.com",
  issuedBy: "minter@example.com",
  caId: 42n,
  certSn: "1001",
  issuedAt: 1,
  expiresAt: 2,
};
const delegated: Authentication = {
  status: "confirmed",
  identity: "user:alice@example.com",
  peer: machine.identity,
  machine,
};

describe("identityHeaders", () => {
  it("say all that is known of a confirmed caller", () => {
    expect(identityHeaders(delegated)).toEqual({
      "X-Tokens-Status": "Confirmed",
      "X-Tokens-Identity": "user:alice@example.com",
      "X-Tokens-Peer": "bot:host-1.example.com",
      "X-Tokens-Machine": "host-1.example.com",
      "X-Tokens-Ca-Id": "42",
    });
  });

  it("name no machine when the peer is none", () => {
    const peer = "user:robot@example.com";
    expect(identityHeaders({ status: "confirmed", identity: peer, peer })).toEqual({
      "X-Tokens-Status": "Confirmed",
      "X-Tokens-Identity": peer,
      "X-Tokens-Peer": peer,
    });
  });

  it.each<[Authentication, string]>([
    [{ status: "absent" }, "Absent"],
    [{ status: "invalid", error: new TokenRejected("EXPIRED", "") }, "Invalid"],
    [{ status: "unavailable", error: new TrustUnavailable("STALE", "") }, "Unavailable"],
  ])("say nothing but the state otherwise: %o", (authentication, word) => {
    expect(identityHeaders(authentication)).toEqual({ "X-Tokens-Status": word });
  });
});

describe("isForged", () => {
  const set = Object.keys(identityHeaders(delegated));

  /** Every way to put `_` for some of the `-` of a name. */
  function twins(name: string): string[] {
    const [first = "", ...rest] = name.split("-");
    return rest.reduce<string[]>((all, part) => all.flatMap((head) => [`${head}-${part}`, `${head}_${part}`]), [first]);
  }

  it("knows every header that is ever set, in every spelling", () => {
    expect(set).toHaveLength(5);
    for (const name of set.flatMap(twins)) {
      for (const spelling of [name, name.toLowerCase(), name.toUpperCase()]) expect(isForged(spelling)).toBe(true);
    }
  });

  it.each(["X-Luci-Machine-Token", "X-Delegation-Token-V1", "X-Luci-Project"])(
    "leaves the header %s to the client, but none of its twins",
    (name) => {
      expect([name, name.toLowerCase()].some(isForged)).toBe(false);
      expect(
        twins(name)
          .filter((twin) => twin.includes("_"))
          .every(isForged),
      ).toBe(true);
    },
  );

  it.each(["Authorization", "X-Tokens", "X-Tokens-Reference", "Identity", "X-Forwarded-For", "", "_"])(
    "leaves other headers alone: %s",
    (name) => expect(isForged(name)).toBe(false),
  );
});
