import { Code, ConnectError, createClient, createRouterTransport, type Interceptor } from "@connectrpc/connect";
import { Admin, CertificateAuthorities } from "@tokens/api/admin";
import { TokenMinter } from "@tokens/api";
import { describe, expect, it } from "vitest";
import { reports } from "../../test/reports.js";
import { answerErrors } from "./answer-errors.js";
import { listenerKey, type ListenerName } from "./listener.js";
import { requireAdmin } from "./require-admin.js";

/** Clients of a server whose calls come in on a listener; undefined where nobody said on which. */
function clientsOn(listener: ListenerName | undefined) {
  const arrive: Interceptor = (next) => (request) => {
    if (listener) request.contextValues.set(listenerKey, listener);
    return next(request);
  };
  const transport = createRouterTransport(
    (router) => {
      router.rpc(Admin.method.importCAConfigs, () => ({ revision: "r1" }));
      router.rpc(CertificateAuthorities.method.listCAs, () => ({ cn: ["a"] }));
      router.rpc(TokenMinter.method.mintMachineToken, () => ({ serviceVersion: "v" }));
    },
    { router: { interceptors: [answerErrors(reports()), arrive, requireAdmin()] } },
  );
  return {
    admin: createClient(Admin, transport),
    cas: createClient(CertificateAuthorities, transport),
    minter: createClient(TokenMinter, transport),
  };
}

async function codeOf(call: Promise<unknown>): Promise<Code | "ok"> {
  return call.then(
    () => "ok",
    (error: unknown) => ConnectError.from(error).code,
  );
}

describe("requireAdmin", () => {
  it("lets the admin listener's callers in", async () => {
    const { admin, cas } = clientsOn("admin");
    expect(await codeOf(admin.importCAConfigs({}))).toBe("ok");
    expect(await codeOf(cas.listCAs({}))).toBe("ok");
  });

  it.each([["public"], [undefined]] as const)("refuses callers on listener %s", async (listener) => {
    const { admin, cas } = clientsOn(listener);
    expect(await codeOf(admin.importCAConfigs({}))).toBe(Code.PermissionDenied);
    expect(await codeOf(cas.listCAs({}))).toBe(Code.PermissionDenied);
  });

  it("leaves the other services alone", async () => {
    expect(await codeOf(clientsOn("public").minter.mintMachineToken({}))).toBe("ok");
  });
});
