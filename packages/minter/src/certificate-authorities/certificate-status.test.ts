import { create } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import { IsRevokedCertRequestSchema } from "@tokens/api/admin";
import { TestCa } from "@tokens/pki/testing";
import { toPem } from "@tokens/pki/x509";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { keeperOf } from "../../test/crl-lists.js";
import { compilePolicy, policyOfFiles } from "../policy.js";
import { openSqliteStorage } from "../storage/sqlite.js";
import type { Storage } from "../storage/storage.js";
import { authoritiesRpc, type AuthoritiesRpcParts } from "./authorities-rpc.js";
import { certificateStatus } from "./certificate-status.js";
import type { RevocationList, RevocationLists } from "./check-machine-certificate.js";
import { importedAuthorities } from "./known-authorities.js";

const NOW_SECONDS = 1_780_315_200;
const above = TestCa.create("Fleet");
const below = above.intermediate("Fleet below");
const files = {
  "ca.pem": toPem("CERTIFICATE", above.certificate),
  "below.pem": toPem("CERTIFICATE", below.certificate),
  "tokenserver.cfg": `
    certificate_authority {
      cn: "Fleet" cert_path: "ca.pem" unique_id: 7 crl_url: "https://crl.example.com/a.crl"
      intermediate_authority { cert_path: "below.pem" crl_url: "https://crl.example.com/b.crl" }
    }`,
};

let storage: Storage;
let idBelow: string;
beforeAll(async () => {
  storage = await openSqliteStorage(":memory:");
  const { policy } = await compilePolicy(policyOfFiles(files));
  await storage.authorities.replaceAll(importedAuthorities(policy.cas), "1");
  idBelow = policy.cas.get("Fleet")?.lists[1]?.listId ?? "";
});
afterAll(() => storage.close());

/** A list that revokes one serial number. */
const listOf = (revoked: number, inForceUntilSeconds = NOW_SECONDS): RevocationList => ({
  inForceUntilSeconds,
  has: (serial) => Buffer.from(serial).equals(Buffer.of(revoked)),
});

let lists: Map<string, RevocationList>;
const revocations: RevocationLists = { find: (listId) => lists.get(listId), whyNone: () => "none was ever taken" };
beforeEach(() => {
  lists = new Map([
    ["Fleet", listOf(1)],
    [idBelow, listOf(2)],
  ]);
});

describe("what a CA says of a serial number", () => {
  const statusOf = async (serial: number, id = 7n) =>
    (await certificateStatus(storage.authorities, revocations, id, Buffer.of(serial), NOW_SECONDS))?.revocation;

  it("is revoked by its own list and by that of a CA below it, and by no other", async () => {
    expect([await statusOf(1), await statusOf(2), await statusOf(3)]).toEqual(["revoked", "revoked", "not revoked"]);
    expect(await statusOf(1, 8n)).toBeUndefined();
  });

  it.each(["Fleet", "below"])(
    "is not known while the list of %s is missing or over, unless another has it",
    async (which) => {
      const id = which === "below" ? idBelow : which;
      lists.set(id, listOf(4, NOW_SECONDS - 1));
      expect([await statusOf(4), await statusOf(3)]).toEqual(["revoked", "unknown"]);
      lists.delete(id);
      expect(await statusOf(3)).toBe("unknown");
    },
  );
});

describe("IsRevokedCert", () => {
  const call = async (sn: string) => {
    const keeper = Object.assign(keeperOf(storage.crls), revocations);
    const parts = { store: storage.authorities, keeper, clock: () => NOW_SECONDS * 1000 };
    // It neither fetches nor checks, and does not look who calls.
    const { isRevokedCert } = authoritiesRpc(parts as unknown as AuthoritiesRpcParts);
    return isRevokedCert(create(IsRevokedCertRequestSchema, { ca: "Fleet", sn }), {} as HandlerContext);
  };

  it("looks into the lists of the CAs below, too", async () => {
    const answers = await Promise.all(["1", "2", "3"].map((sn) => call(sn)));
    expect(answers.map(({ revoked }) => revoked)).toEqual([true, true, false]);
  });

  it("cannot tell while one of them is missing", async () => {
    lists.delete(idBelow);
    expect(await call("1")).toMatchObject({ revoked: true });
    await expect(call("3")).rejects.toMatchObject({
      name: "Unavailable",
      detail: `${idBelow}: none was ever taken`,
    });
  });
});
